/** @file The work of one shard: networks of one architecture, trained. Runs in a worker; needs nothing but its input. */
import { defineArchitecture } from '@weightspace/architecture';
import type { ArchitectureSpec } from '@weightspace/architecture';
import { trainedRows, trainNetworks } from '@weightspace/zoo';
import type { Alone, Task, TrainCodes, TrainData, TrainedRowsOptions, TrainRun, ZooRows } from '@weightspace/zoo';

export interface TrainInput {
  readonly architecture: ArchitectureSpec;
  readonly runs: readonly TrainRun[];
  /** As in `trainedRows`. */
  readonly numbers: readonly number[];
  readonly splits: readonly number[];
  readonly more: NonNullable<TrainedRowsOptions['more']>;
  readonly codes: TrainCodes;
  readonly epochs: number;
  readonly batch: number;
  readonly checkpoints: readonly number[];
  /** Networks that one graph trains. */
  readonly stack: number;
  readonly alone: Alone;
  /** A function of a module that gives the `TrainData`. */
  readonly data: Task;
}

/** How a worker finds `trainShard`. */
export const trainTask = { module: import.meta.url, name: 'trainShard' } as const;

export async function trainShard(input: TrainInput): Promise<ZooRows> {
  const data = await dataOf(input.data);
  const trained = await trainNetworks({
    ...input,
    architecture: defineArchitecture(input.architecture),
    data,
    threads: 1,
  });
  return trainedRows({ ...input, trained });
}

/** What the shards of a zoo share: a worker keeps the last. */
let kept: { readonly key: string; readonly data: Promise<TrainData> } | undefined;

function dataOf({ module, name, input }: Task): Promise<TrainData> {
  const key = JSON.stringify([module, name, input]);
  if (kept?.key !== key) kept = { key, data: load({ module, name, input }) };
  return kept.data;
}

async function load({ module, name, input }: Task): Promise<TrainData> {
  const loaded = (await import(module)) as {
    readonly [name: string]: (input: unknown) => TrainData | Promise<TrainData>;
  };
  return loaded[name]!(input);
}
