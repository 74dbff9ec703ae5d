/** @file Reading a zoo. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { isZooFolder } from './generate-zoo.ts';
import type { ManifestEntry } from './manifest.ts';
import { manifestPath, plannedShards, readManifest, SPEC } from './manifest.ts';
import { openShard, sha256 } from './shard.ts';
import type { OpenShard, ZooHeader } from './shard.ts';
import { ZooError } from './zoo-error.ts';

export type SplitName = 'train' | 'validation' | 'test';
export const SPLITS: readonly SplitName[] = ['train', 'validation', 'test'];

export interface OpenZooOptions {
  /**
   * `sha256` reads every byte once, about a second per GB; the default for zoos up to 2 GB. Otherwise `size`: HDF5 notices
   * a file that was cut, but no changed byte among the weights.
   */
  readonly verify?: 'sha256' | 'size';
  /** Also open a zoo whose generation isn't finished, with the shards that it has. */
  readonly unfinished?: boolean;
}

const SMALL = 2 * 2 ** 30;

/**
 * Opens a zoo's folder, or one of its files, which is checked against the manifest that lists it.
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
  if (!statSync(path).isDirectory()) return openFile(path, options);
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
  const planned = plannedShards(path);
  if (planned !== undefined && entries.length < planned && options.unfinished !== true) {
    throw new ZooError('openZoo', {
      file: manifestPath(path),
      expected: `${planned} shards, as ${SPEC} says`,
      found: String(entries.length),
      remedy: 'continue its generation with --resume',
    });
  }
  const total = entries.reduce(
    (sum, { shard }) => sum + (statSync(join(path, shard), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  const verify = options.verify ?? (total <= SMALL ? 'sha256' : 'size');
  const shards: OpenShard[] = [];
  try {
    for (const entry of entries) shards.push(await openListed(path, entry, verify, shards[0]));
  } catch (error) {
    for (const { h5 } of shards) h5.close();
    throw error;
  }
  return new Zoo(path, shards, [...new Set(entries.flatMap(({ commit }) => commit ?? []))]);
}

/** One file; checked against the manifest beside it where that lists it. */
async function openFile(path: string, { verify }: OpenZooOptions): Promise<Zoo> {
  const entry = readManifest(dirname(path)).find(({ shard }) => shard === basename(path));
  if (entry === undefined) return new Zoo(path, [await openShard(path)], []);
  const chosen = verify ?? (statSync(path).size <= SMALL ? 'sha256' : 'size');
  return new Zoo(
    path,
    [await openListed(dirname(path), entry, chosen, undefined)],
    entry.commit === undefined ? [] : [entry.commit],
  );
}

/** A shard that is what the manifest says and of the architecture of the others. */
async function openListed(
  path: string,
  entry: ManifestEntry,
  verify: 'sha256' | 'size',
  first: OpenShard | undefined,
): Promise<OpenShard> {
  const file = join(path, entry.shard);
  if (verify === 'sha256' && existsSync(file)) await checkDigest(file, entry.sha256);
  const shard = await openShard(file);
  const { signature } = shard.architecture;
  const problem =
    shard.rows !== entry.rows
      ? {
          expected: `${entry.rows} networks, as the manifest says`,
          found: String(shard.rows),
          remedy: 'delete the file and generate again with --resume',
        }
      : first !== undefined && signature !== first.architecture.signature
        ? {
            expected: `networks ${first.architecture.signature}`,
            found: signature,
            remedy: 'the folder mixes two zoos: generate it again',
          }
        : undefined;
  if (problem === undefined) return shard;
  shard.h5.close();
  throw new ZooError('openZoo', { file, ...problem });
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
  /** Commits of the code that made it, as its manifest lists them. */
  readonly commits: readonly string[];
  readonly #shards: readonly OpenShard[];

  constructor(path: string, shards: readonly OpenShard[], commits: readonly string[]) {
    this.path = path;
    this.commits = commits;
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
