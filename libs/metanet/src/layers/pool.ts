/** @file Invariant features. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import type { Layout } from '../blocks/layout.ts';

/**
 * The mean of every parameter's features over the neurons that permute; what doesn't permute stays apart.
 *
 * @param free spaces to pool over; other axes of the layout are flattened
 * @returns shape `[B, features]`
 * Symmetry: invariant to permutations of the spaces in `free`.
 * Source: NFN's `NPPool` (all spaces) and `HNPPool` (hidden spaces), arXiv:2302.14040, section 3.2. Departs: nothing.
 */
export function pool({ tensors }: Layout, x: Tensors, free: ReadonlySet<string>): Tensor {
  const parts = tensors.map((t) => {
    const value = x[t.name]!;
    const axes = t.spaces.flatMap((space, i) => (free.has(space) ? [i + 1] : []));
    // One axis at a time: the second mean is over little.
    const pooled = [...axes].reverse().reduce((y, axis) => tf.mean(y, axis) as Tensor, value);
    return tf.reshape(pooled, [pooled.shape[0]!, pooled.size / pooled.shape[0]!]);
  });
  return tf.concat(parts, 1);
}

export const pooledFeatures = ({ tensors, spaces }: Layout, channels: number, free: ReadonlySet<string>): number =>
  tensors.reduce(
    (sum, t) =>
      sum + channels * t.folded * t.spaces.reduce((n, space) => (free.has(space) ? n : n * spaces.get(space)!), 1),
    0,
  );
