/** @file The invariant end of DWSNets. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { constantParameter } from '../../layers/dense.ts';
import { poolSet } from '../../layers/sets/pool-set.ts';
import type { SetPool } from '../../layers/sets/pool-set.ts';
import type { Parameters } from './maps.ts';
import type { DwsTensor } from './plan.ts';

/** `invariant.<tensor>.query`, where the pool is `attention`. */
export const constantQueries = (tensors: readonly DwsTensor[], channels: number, pool: SetPool): Parameters =>
  Object.fromEntries(
    tensors
      .filter(({ spaces }) => pool === 'attention' && spaces.length > 0)
      .map(({ name, folded }) => [`invariant.${name}.query`, constantParameter(1, [folded * channels])]),
  );

/**
 * POOL of every parameter over its hidden spaces; what indexes inputs, outputs or kernel positions stays apart.
 *
 * @param x features in the order of the tensors; shape `[B, folded · C, …sizes]`
 * @returns shape `[B, Σ folded · C]`
 * Symmetry: invariant to permutations of hidden spaces.
 * Source: Navon et al. 2023, arXiv:2301.12780, section 5.3; the public code's `InvariantLayer`. Departs: nothing.
 */
export function poolAll(params: Tensors, tensors: readonly DwsTensor[], x: readonly Tensor[], pool: SetPool): Tensor {
  const parts = tensors.map(({ name, spaces }, i): Tensor => {
    const value = x[i]!;
    if (spaces.length === 0) return value;
    const [batch, channels] = value.shape as [number, number];
    const flat: Tensor = tf.reshape(value, [batch, channels, value.size / (batch * channels)]);
    return tf.squeeze(poolSet(pool, flat, 2, 1, params[`invariant.${name}.query`]), [2]);
  });
  return tf.concat(parts, 1);
}
