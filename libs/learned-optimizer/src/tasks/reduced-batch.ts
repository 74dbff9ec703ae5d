/** @file Tasks with fewer examples in a step, so with noisier gradients. */
import { mapValues, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

import { LearnedOptimizerError } from '../kinds.ts';
import type { AugmentationKind } from './augmentation.ts';
import { logUniformOf, positiveRange } from './draws.ts';
import type { Task } from './task.ts';

const settings = {
  /** Least and greatest share of the examples that stays, drawn log-uniformly; at most 1. */
  shares: [0.1, 1] as readonly number[],
};
export type ReducedBatchSettings = typeof settings;

/**
 * The task with the first examples of each of its batches, at least one.
 *
 * @throws {LearnedOptimizerError} on shares that aren't from 0 to 1; when a batch is drawn, on arrays without a common axis of
 *   examples behind that of networks
 * Source: learned_optimization's `ReducedBatchsizeTask`. Departs: the share is drawn.
 */
export function reducedBatch({ shares }: ReducedBatchSettings): (task: Task, stream: RandomStream) => Task {
  const kind = 'reduced-batch';
  const range = positiveRange(kind, 'shares', shares);
  if (range[1] > 1) throw new LearnedOptimizerError(kind, `shares must be at most 1, got [${shares.join(', ')}]`);
  return (task, stream) => {
    const share = logUniformOf(stream, range);
    return {
      ...task,
      name: `${task.name}, of which ${(100 * share).toPrecision(3)} %`,
      batch: (draws, part, count) => firstExamples(task.name, task.batch(draws, part, count), share),
    };
  };
}

function firstExamples(task: string, batch: NdArrays, share: number): NdArrays {
  const sizes = new Set(Object.values(batch).map(({ shape }) => shape[1]));
  const [size] = sizes;
  if (sizes.size > 1 || (sizes.size === 1 && size === undefined)) {
    const shapes = Object.entries(batch).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
    const problem = `batches of '${task}' must have their examples on the second axis of every array, got ${shapes.join(', ')}`;
    throw new LearnedOptimizerError('reduced-batch', problem);
  }
  const kept = Math.max(1, Math.floor(share * (size ?? 1)));
  return mapValues(batch, (array) => {
    const [count, , ...own] = array.shape as [number, number, ...number[]];
    const [from, to] = [size! * sizeOf(own), kept * sizeOf(own)];
    const data = array.data.slice(0, count * to);
    for (let n = 0; n < count; n++) data.set(array.data.subarray(n * from, n * from + to), n * to);
    return { ...array, shape: [count, kept, ...own], data } as NdArray;
  });
}

export const reducedBatchKind: AugmentationKind<ReducedBatchSettings> = {
  kind: 'reduced-batch',
  source: "learned_optimization's ReducedBatchsizeTask",
  settings,
  create: reducedBatch,
};
