/** @file Ways to make one vector of a set. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

export const setPools = ['max', 'mean', 'sum', 'attention'] as const;
export type SetPool = (typeof setPools)[number];

/**
 * POOL over one axis.
 *
 *     max, mean, sum; attention: Σ_n softmax_n(Σ_c query[c] x[…,c,…,n,…]) x[…,c,…,n,…]
 *
 * @param axis of the members
 * @param channel axis of the channels, which `attention` weighs by
 * @param query of `attention`; shape `[C]`
 * @returns the axis kept, with size 1
 * Symmetry: invariant to the order of members.
 * Source: Zaheer et al. 2017, arXiv:1703.06114, section 2; attention as in DWSNets (arXiv:2301.12780). Departs: nothing.
 */
export function poolSet(pool: SetPool, x: Tensor, axis: number, channel: number, query?: Tensor): Tensor {
  if (pool === 'max') return tf.max(x, axis, true);
  if (pool === 'mean') return tf.mean(x, axis, true);
  if (pool === 'sum') return tf.sum(x, axis, true);
  const along = tf.reshape(
    query!,
    x.shape.map((size, i) => (i === channel ? size : 1)),
  );
  const scores = tf.sum(tf.mul(x, along), channel, true);
  const weights = tf.exp(tf.sub(scores, tf.max(scores, axis, true)));
  const shares = tf.div(weights, tf.sum(weights, axis, true));
  return tf.sum(tf.mul(x, shares), axis, true);
}
