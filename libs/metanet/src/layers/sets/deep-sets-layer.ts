/** @file The linear layer on sets. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter, denseParameters, dense, project } from '../dense.ts';
import { poolSet } from './pool-set.ts';
import type { SetPool } from './pool-set.ts';

/** `<name>.self.weight`, `<name>.self.bias`, `<name>.pooled.weight`, and `<name>.query` where the pool is `attention`. */
export function deepSetsParameters(
  name: string,
  inputs: number,
  outputs: number,
  pool: SetPool,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const { [`${name}.pooled.weight`]: pooled } = denseParameters(`${name}.pooled`, inputs, outputs, stream);
  return {
    ...denseParameters(`${name}.self`, inputs, outputs, stream),
    [`${name}.pooled.weight`]: pooled!,
    ...(pool === 'attention' ? { [`${name}.query`]: constantParameter(1, [inputs]) } : {}),
  };
}

/**
 * Linear map of a set's members that ignores their order.
 *
 *     y[b,n] = x[b,n] · Γ + bias − POOL_m(x[b,m]) · Λ
 *
 * With the mean or the sum these are all equivariant linear maps.
 *
 * Letters: B batch, N members, C channels in, D channels out.
 *
 * @param x_bnc shape `[B, N, C]`
 * @returns shape `[B, N, D]`
 * Symmetry: equivariant to permutations of the members.
 * Source: Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, Lemma 3 and eq. 4 (max). Departs: nothing.
 */
export function deepSetsLayer(params: Tensors, name: string, x_bnc: Tensor, pool: SetPool): Tensor {
  const pooled = poolSet(pool, x_bnc, 1, 2, params[`${name}.query`]);
  return tf.sub(dense(params, `${name}.self`, x_bnc), project(pooled, params[`${name}.pooled.weight`]!));
}
