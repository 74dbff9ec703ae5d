/** @file What each step of a training sees, by its number alone, so that a resumed training sees the same. */
import type { RandomStream } from '@weightspace/compute';
import type { Augmentation } from '@weightspace/augmentation';
import type { Metanet } from '@weightspace/metanet';

import type { TrainBatch } from './classifier.ts';
import { labelsOf, weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

export interface Batches {
  readonly perEpoch: number;
  /** @param step counts from 0 over all epochs */
  readonly at: (step: number) => TrainBatch;
}

/**
 * Each epoch goes through the training networks in an order of its own; what doesn't fill a batch is left out.
 *
 * @throws {RangeError} when there are fewer training networks than a batch has
 */
export function batchesOf(
  model: Metanet,
  augmentation: Augmentation,
  data: ZooData,
  size: number,
  stream: RandomStream,
): Batches {
  const { train } = data;
  const perEpoch = Math.floor(train.length / size);
  if (perEpoch === 0)
    throw new RangeError(`batchesOf: batch must be at most the ${train.length} training networks, got ${size}`);
  let current: { readonly epoch: number; readonly order: ArrayLike<number> } | undefined;
  const orderOf = (epoch: number): ArrayLike<number> => {
    if (current?.epoch !== epoch)
      current = { epoch, order: stream.split('order').split(epoch).permutation(train.length) };
    return current.order;
  };
  const at = (step: number): TrainBatch => {
    const order = orderOf(Math.floor(step / perEpoch));
    const first = (step % perEpoch) * size;
    const rows = Int32Array.from({ length: size }, (_, i) => train[order[first + i]!]!);
    const own = stream.split('step').split(step);
    return {
      weights: weightsOf(data, rows),
      labels: labelsOf(data, rows),
      draws: augmentation.draw(model.architecture, size, own.split('augmentation')),
      noise: model.noise(size, own.split('noise')),
    };
  };
  return { perEpoch, at };
}
