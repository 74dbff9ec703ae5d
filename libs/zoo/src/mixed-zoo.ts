/** @file Reading a zoo of several architectures. */
import type { Architecture } from '@weightspace/architecture';
import type { NdArray } from '@weightspace/compute';

import type { H5Dataset } from './h5-file.ts';
import { closeAll, openShards } from './open-shards.ts';
import type { OpenZooOptions } from './open-shards.ts';
import { joinRows, nothingCalled, rowsOfPart, Zoo } from './open-zoo.ts';
import type { SplitName } from './open-zoo.ts';
import type { MixedHeader, OpenShard } from './shard.ts';

/** The rows of one architecture. */
export interface ZooGroup {
  readonly architecture: Architecture;
  /** Number of its first row in the whole zoo: row r of the zoo is row r − first of the group. */
  readonly first: number;
  readonly zoo: Zoo;
}

/**
 * Opens a zoo of several architectures, or of one.
 *
 * @throws {ZooError} when it is missing, unfinished, of another schema, truncated, or changed
 */
export async function openMixedZoo(path: string, options: OpenZooOptions = {}): Promise<MixedZoo> {
  const { shards, commits } = await openShards(path, options);
  return new MixedZoo(path, shards, commits);
}

/** Networks of several architectures; rows are numbered through all groups. Arrays are read when asked for. */
export class MixedZoo {
  readonly path: string;
  readonly header: MixedHeader;
  /** How many networks. */
  readonly count: number;
  /** Commits of the code that made it, as its manifest lists them. */
  readonly commits: readonly string[];
  /** One for each architecture signature, in the order in which they first appear. */
  readonly groups: readonly ZooGroup[];
  readonly #shards: readonly OpenShard[];

  constructor(path: string, shards: readonly OpenShard[], commits: readonly string[]) {
    const bySignature = new Map<string, OpenShard[]>();
    for (const shard of shards) {
      const { signature } = shard.architecture;
      bySignature.set(signature, [...(bySignature.get(signature) ?? []), shard]);
    }
    let first = 0;
    this.path = path;
    this.commits = commits;
    this.groups = [...bySignature.values()].map((own) => {
      const zoo = new Zoo(path, own, commits);
      const group = { architecture: zoo.architecture, first, zoo };
      first += zoo.count;
      return group;
    });
    this.#shards = [...bySignature.values()].flat();
    this.count = first;
    const { architecture: _, ...header } = shards[0]!.header;
    this.header = header;
  }

  /** Targets that every file has. */
  targetNames(): string[] {
    return this.#names('target');
  }

  /** What is known of the fit in every file. */
  fitNames(): string[] {
    return this.#names('fit');
  }

  /** What is to be predicted; first axis N over all rows, group after group. */
  target(name: string): NdArray {
    return this.#named('target', name);
  }

  /** How the fit went; first axis N over all rows, group after group. */
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

  #names(group: string): string[] {
    const [first, ...others] = this.#shards.map(({ h5 }) => h5.names(group));
    return first!.filter((name) => others.every((names) => names.includes(name)));
  }

  #named(group: string, name: string): NdArray {
    const lacking = this.#shards.find(({ h5 }) => !h5.names(group).includes(name));
    if (lacking) throw nothingCalled(lacking.file, group, name, lacking.h5.names(group));
    return this.#read(`${group}/${name}`);
  }

  #read(path: string): NdArray {
    return joinRows(
      path,
      this.#shards.map(({ file, h5 }): H5Dataset & { file: string } => ({ file, ...h5.read(path) })),
    );
  }
}
