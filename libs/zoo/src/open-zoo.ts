/** @file Reading a zoo. */
import type { Architecture } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { H5Dataset } from './h5-file.ts';
import { closeAll, openShards } from './open-shards.ts';
import type { OpenZooOptions } from './open-shards.ts';
import type { OpenShard, ZooHeader } from './shard.ts';
import { ZooError } from './zoo-error.ts';

export type SplitName = 'train' | 'validation' | 'test';
export const SPLITS: readonly SplitName[] = ['train', 'validation', 'test'];

/**
 * Opens a zoo's folder, or one of its files, which is checked against the manifest that lists it.
 *
 * @throws {ZooError} when it is missing, unfinished, of another schema, of several architectures, truncated, or changed
 */
export async function openZoo(path: string, options: OpenZooOptions = {}): Promise<Zoo> {
  const { shards, commits } = await openShards(path, options);
  const [first] = shards;
  const other = shards.find(({ architecture }) => architecture.signature !== first!.architecture.signature);
  if (!other) return new Zoo(path, shards, commits);
  closeAll(shards);
  throw new ZooError('openZoo', {
    file: other.file,
    expected: `networks ${first!.architecture.signature}`,
    found: other.architecture.signature,
    remedy: 'the zoo has several architectures: use openMixedZoo',
  });
}

/** Numbers of the rows of a part. */
export function rowsOfPart(split: Uint8Array, part: SplitName): Int32Array {
  const code = SPLITS.indexOf(part);
  return Int32Array.from([...split.keys()].filter((i) => split[i] === code));
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

  fitNames(): string[] {
    return this.#shards[0]!.h5.names('fit');
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
    return rowsOfPart(this.split(), part);
  }

  close(): void {
    closeAll(this.#shards);
  }

  #named(group: string, name: string): NdArray {
    const known = this.#shards[0]!.h5.names(group);
    if (!known.includes(name)) throw nothingCalled(this.path, group, name, known);
    return this.#read(`${group}/${name}`);
  }

  #read(path: string): NdArray {
    return joinRows(
      path,
      this.#shards.map(({ file, h5 }) => ({ file, ...h5.read(path) })),
    );
  }
}

export const nothingCalled = (file: string, group: string, name: string, known: readonly string[]): ZooError =>
  new ZooError('openZoo', {
    file,
    at: group,
    expected: `'${name}'`,
    found: known.join(', ') || 'nothing',
    remedy: 'name one that is there',
  });

/**
 * Arrays of several files, one after another along their first axis.
 *
 * @throws {ZooError} on one that isn't of the first one's kind
 */
export function joinRows(at: string, parts: readonly (H5Dataset & { readonly file: string })[]): NdArray {
  const [first] = parts;
  const rest = first!.shape.slice(1);
  const kindOf = ({ shape, data }: H5Dataset) =>
    `${data.constructor.name} [N${shape
      .slice(1)
      .map((n) => `, ${n}`)
      .join('')}]`;
  const other = parts.find((part) => kindOf(part) !== kindOf(first!));
  if (other) {
    throw new ZooError('openZoo', {
      file: other.file,
      at,
      expected: `${kindOf(first!)}, as in ${first!.file}`,
      found: kindOf(other),
      remedy: 'the files are of different zoos: generate them again',
    });
  }
  const make = first!.data.constructor as new (length: number) => Float32Array;
  const data = new make(parts.reduce((sum, part) => sum + part.data.length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part.data as Float32Array, offset);
    offset += part.data.length;
  }
  return ndarray(data, [parts.reduce((sum, { shape }) => sum + shape[0]!, 0), ...rest]);
}
