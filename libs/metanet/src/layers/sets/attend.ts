/** @file Softmax attention with channels first: few passes over the scores, forwards and backwards. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/** Where every key is masked the sum of weights is 0, and so is the answer. */
const SMALLEST_SUM = 1e-30;
const MASKED = -1e9;

/**
 * What each query takes from the values of a set.
 *
 *     o[:,i] = Σ_j a[j,i] v[:,j],  a[:,i] = softmax_j(scale · k[:,j]·q[:,i])
 *
 * Letters: N queries, M keys, D channels of keys, E channels of values; other axes (batch, heads) come first.
 *
 * The weights are kept before they are divided by their sum, which comes out of the product with the values as one more
 * row; the gradient of the softmax is a product with one more row too. That leaves three passes over the scores each way
 * that aren't products, and no transposed copy.
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
    const weights = unnormalized(a, b, mask);
    const values = withOnes(c);
    const sums = tf.matMul(values, weights) as Tensor;
    const [top, bottom] = splitLast(sums);
    const total = mask ? tf.maximum(bottom, SMALLEST_SUM) : bottom;
    const value = tf.div(top, total) as Tensor;
    save([a, b, values, weights, value, total as Tensor]);
    return { value, gradFunc: (dy, saved) => gradients(dy, saved as Tensor[]) as never };
  });
  return run(scaled, k, v) as Tensor;
}

/** e^(score − the query's largest), keys by queries; shape `[…, M, N]`. */
function unnormalized(q: Tensor, k: Tensor, mask: Tensor | undefined): Tensor {
  const product = tf.matMul(k, q, true, false) as Tensor;
  const scores = mask ? tf.add(product, tf.mul(tf.sub(1, mask), MASKED)) : product;
  const weights = tf.exp(tf.sub(scores, tf.max(scores, scores.rank - 2, true))) as Tensor;
  return mask ? (tf.mul(weights, mask) as Tensor) : weights;
}

/** For w unnormalized, o the answer and s the sums: dscore = w ∘ (v·g − o·g) with g = do/s. */
function gradients(dy: Tensor, [q, k, values, weights, value, total]: readonly Tensor[]): Tensor[] {
  const g = tf.div(dy, total!) as Tensor;
  const own = tf.neg(tf.sum(tf.mul(g, value!), g.rank - 2, true)) as Tensor;
  const extended = tf.concat([g, own], g.rank - 2);
  const scores = tf.mul(weights!, tf.matMul(values!, extended, true, false)) as Tensor;
  return [tf.matMul(k!, scores), tf.matMul(q!, scores, false, true), tf.matMul(g, weights!, false, true)];
}

/** One more channel, of ones, whose product with the weights is their sum. */
function withOnes(x: Tensor): Tensor {
  const shape = x.shape.map((size, axis) => (axis === x.rank - 2 ? 1 : size));
  return tf.concat([x, tf.ones(shape)], x.rank - 2);
}

/** All channels but the last, and the last. */
function splitLast(x: Tensor): [Tensor, Tensor] {
  const channels = x.shape.at(-2)!;
  return tf.split(x, [channels - 1, 1], x.rank - 2) as [Tensor, Tensor];
}
