/** @file Reading a zoo. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { isZooFolder } from './generate-zoo.ts';
import { manifestPath, readManifest } from './manifest.ts';
import { openShard, sha256 } from './shard.ts';
import type { OpenShard, ZooHeader } from './shard.ts';
import { ZooError } from './zoo-error.ts';

export type SplitName = 'train' | 'validation' | 'test';
export const SPLITS: readonly SplitName[] = ['train', 'validation', 'test'];

export interface OpenZooOptions {
  /** `sha256` reads every byte once; by default for zoos up to 200 MB, `size` otherwise. */
  readonly verify?: 'sha256' | 'size';
}

const SMALL = 200 * 2 ** 20;

/**
 * Opens a zoo's folder, or one of its files.
 *
 * @throws {ZooError} when it is missing, unfinished, of another schema, truncated, or changed
 */
export async function openZoo(path: string, options: OpenZooOptions = {}): Promise<Zoo> {
  if (!existsSync(path)) {
    throw new ZooError('openZoo', {
      file: path,
      expected: 'a zoo',
      found: 'nothing',
      remedy: 'check the path, or generate the zoo',
    });
  }
  if (!statSync(path).isDirectory()) return new Zoo(path, [await openShard(path)]);
  if (!isZooFolder(path)) {
    throw new ZooError('openZoo', {
      file: path,
      expected: 'a zoo',
      found: 'a folder without manifest.jsonl',
      remedy: 'check the path, or generate the zoo',
    });
  }
  const entries = readManifest(path);
  if (entries.length === 0) {
    throw new ZooError('openZoo', {
      file: manifestPath(path),
      expected: 'finished shards',
      found: 'none',
      remedy: 'continue its generation with --resume',
    });
  }
  const total = entries.reduce(
    (sum, { shard }) => sum + (statSync(join(path, shard), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  const verify = options.verify ?? (total <= SMALL ? 'sha256' : 'size');
  const shards: OpenShard[] = [];
  for (const entry of entries) {
    const file = join(path, entry.shard);
    if (verify === 'sha256' && existsSync(file)) await checkDigest(file, entry.sha256);
    const shard = await openShard(file);
    shards.push(shard);
    if (shard.rows !== entry.rows) {
      throw new ZooError('openZoo', {
        file,
        expected: `${entry.rows} networks, as the manifest says`,
        found: String(shard.rows),
        remedy: 'delete the file and generate again with --resume',
      });
    }
    if (shard.architecture.signature !== shards[0]!.architecture.signature) {
      throw new ZooError('openZoo', {
        file,
        expected: `networks ${shards[0]!.architecture.signature}`,
        found: shard.architecture.signature,
        remedy: 'the folder mixes two zoos: generate it again',
      });
    }
  }
  return new Zoo(path, shards);
}

async function checkDigest(file: string, expected: string): Promise<void> {
  const found = await sha256(file);
  if (found !== expected) {
    throw new ZooError('openZoo', {
      file,
      expected: `SHA-256 ${expected}`,
      found,
      remedy: 'the file was changed or cut short: delete it and generate again with --resume',
    });
  }
}

/** Many networks of one architecture with what is known of each. Arrays are read when asked for. */
export class Zoo {
  readonly path: string;
  readonly header: ZooHeader;
  readonly architecture: Architecture;
  /** How many networks. */
  readonly count: number;
  readonly #shards: readonly OpenShard[];

  constructor(path: string, shards: readonly OpenShard[]) {
    this.path = path;
    this.#shards = shards;
    this.header = shards[0]!.header;
    this.architecture = shards[0]!.architecture;
    this.count = shards.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** All parameters by name; `[N, …shape]`. */
  parameters(): NdArrays {
    return Object.fromEntries(this.architecture.parameters.map(({ name }) => [name, this.#read(`parameters/${name}`)]));
  }

  targetNames(): string[] {
    return this.#shards[0]!.h5.names('target');
  }

  /** What is to be predicted, e.g. `label`; first axis N. */
  target(name: string): NdArray {
    return this.#named('target', name);
  }

  /** How the fit went, e.g. `psnr`; first axis N. */
  fit(name: string): NdArray {
    return this.#named('fit', name);
  }

  /** 0 train, 1 validation, 2 test; `[N]`. */
  split(): Uint8Array {
    return this.#read('split').data as Uint8Array;
  }

  /** Numbers of the networks of a part. */
  rowsOf(part: SplitName): Int32Array {
    const code = SPLITS.indexOf(part);
    const split = this.split();
    return Int32Array.from([...split.keys()].filter((i) => split[i] === code));
  }

  close(): void {
    for (const { h5 } of this.#shards) h5.close();
  }

  #named(group: string, name: string): NdArray {
    const known = this.#shards[0]!.h5.names(group);
    if (!known.includes(name)) {
      throw new ZooError('openZoo', {
        file: this.path,
        at: group,
        expected: `'${name}'`,
        found: known.join(', ') || 'nothing',
        remedy: 'name one that is there',
      });
    }
    return this.#read(`${group}/${name}`);
  }

  #read(path: string): NdArray {
    const parts = this.#shards.map(({ h5 }) => h5.read(path));
    const rest = parts[0]!.shape.slice(1);
    const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
    const make = parts[0]!.data.constructor as new (length: number) => Float32Array;
    const data = new make(parts.reduce((sum, part) => sum + part.data.length, 0));
    let at = 0;
    for (const part of parts) {
      data.set(part.data as Float32Array, at);
      at += part.data.length;
    }
    const dtype = data instanceof Float32Array ? 'float32' : (data as unknown) instanceof Int32Array ? 'int32' : 'bool';
    return { dtype, shape: [rows, ...rest], data } as NdArray;
  }
}
