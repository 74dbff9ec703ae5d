/** @file Softmax attention with channels first: few passes over the scores, forwards and backwards. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

const MASKED = -1e9;

/**
 * What each query takes from the values of a set.
 *
 *     o[:,i] = Σ_j a[i,j] v[:,j],  a[i,:] = softmax_j(scale · k[:,j]·q[:,i])
 *
 * Letters: N queries, M keys, D channels of keys, E channels of values; other axes (batch, heads) come first.
 *
 * The gradient of the softmax comes out of a product with one more row. That leaves two passes over the weights that aren't
 * products, and no transposed copy.
 *
 * @param q shape `[…, D, N]` @param k shape `[…, D, M]` @param v shape `[…, E, M]`
 * @param mask 1 for keys that are there and 0 for padding; shape `[…, M, 1]`, axes that broadcast may be 1
 * @returns shape `[…, E, N]`; 0 where no key is there
 * Symmetry: equivariant to the order of queries, invariant to that of keys (with their values).
 * Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1; the row-wise gradient as in
 *   Dao et al. 2022, arXiv:2205.14135, appendix B.2. Departs: nothing.
 */
export function attend(q: Tensor, k: Tensor, v: Tensor, scale: number, mask?: Tensor): Tensor {
  const scaled = tf.mul(q, scale) as Tensor;
  const run = tf.customGrad((...given) => {
    const [a, b, c, save] = given as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const weights = shares(a, b, mask);
    const value = tf.matMul(c, weights, false, true) as Tensor;
    save([a, b, c, weights, value]);
    return { value, gradFunc: (dy, saved) => gradients(dy, saved as Tensor[]) as never };
  });
  return run(scaled, k, v) as Tensor;
}

/** Of every query at every key; shape `[…, N, M]`. */
function shares(q: Tensor, k: Tensor, mask: Tensor | undefined): Tensor {
  const scores = tf.matMul(q, k, true, false) as Tensor;
  if (!mask) return tf.softmax(scores);
  const there: Tensor = tf.reshape(mask, [...mask.shape.slice(0, -2), 1, mask.shape.at(-2)!]);
  return tf.mul(tf.softmax(tf.add(scores, tf.mul(tf.sub(1, there), MASKED))), there);
}

/** For a the shares and o the answer: dscore = a ∘ (v·do − o·do). */
function gradients(dy: Tensor, [q, k, v, weights, value]: readonly Tensor[]): Tensor[] {
  const own = tf.neg(tf.sum(tf.mul(dy, value!), dy.rank - 2, true)) as Tensor;
  const extended = tf.concat([dy, own], dy.rank - 2);
  const scores = tf.mul(weights!, tf.matMul(extended, withOnes(v!), true, false)) as Tensor;
  return [tf.matMul(k!, scores, false, true), tf.matMul(q!, scores), tf.matMul(dy, weights!)];
}

/** One more channel, of ones. */
function withOnes(x: Tensor): Tensor {
  const shape = x.shape.map((size, axis) => (axis === x.rank - 2 ? 1 : size));
  return tf.concat([x, tf.ones(shape)], x.rank - 2);
}
