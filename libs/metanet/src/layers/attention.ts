/** @file Softmax attention. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/**
 *     softmax(q kᵀ / √d) v
 *
 * Letters: T queries, S keys, d their length.
 *
 * @param q shape `[…, T, d]` @param k shape `[…, S, d]` @param v shape `[…, S, D]` @returns shape `[…, T, D]`
 * Symmetry: invariant to the order of keys with their values, equivariant to that of queries.
 * Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1. Departs: nothing.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape.at(-1)!));
  return tf.matMul(tf.softmax(scores) as Tensor, v) as Tensor;
}

/** `[B, T, parts · H · d]` to `parts` of `[B, H, T, d]`. */
export function splitHeads(x: Tensor, heads: number, parts = 1): Tensor[] {
  const [B, T, width] = x.shape as [number, number, number];
  const each = width / heads / parts;
  const all: Tensor = tf.transpose(tf.reshape(x, [B, T, parts * heads, each]), [0, 2, 1, 3]);
  return parts === 1 ? [all] : tf.split(all, parts, 1);
}

/** `[B, H, T, d]` to `[B, T, H · d]`. */
export function joinHeads(x: Tensor): Tensor {
  const [B, H, T, d] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, T, H * d]);
}
