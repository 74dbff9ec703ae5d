/** @file Gradients of an order: as if neurons had been mixed softly, though they were sorted. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/**
 * How much of each neuron a soft sort would put at each place, for scores that are sorted already.
 *
 *     S[i,j] = softmax_j(−|s_i − s_j| / τ)
 *
 * Letters: A families of neurons (networks, instances), n neurons.
 * @param sorted shape `[A, n]`
 * @param temperature τ
 * @returns shape `[A, n, n]`, rows sum to 1
 * Source: Prillo and Eisenschlos 2020, "SoftSort: A Continuous Relaxation for the argsort Operator", arXiv:2006.16038, eq. 3.
 * Departs: nothing.
 */
export function softOrder(sorted: Tensor, temperature: number): Tensor {
  const [A, n] = sorted.shape as [number, number];
  const gaps = tf.sub(tf.reshape(sorted, [A, n, 1]), tf.reshape(sorted, [A, 1, n]));
  return tf.softmax(tf.mul(tf.abs(gaps), -1 / temperature));
}

/**
 * x as it is, with the gradient of S · x with regard to S, and that of x with regard to x.
 *
 * @param x_anr rows of n sorted neurons; shape `[A, n, R]`
 * @param soft_ann shape `[A, n, n]`
 * @returns x
 * Source: the straight-through estimator, Bengio et al. 2013, arXiv:1308.3432, section 3.
 */
export function straightThrough(x_anr: Tensor, soft_ann: Tensor): Tensor {
  const through = tf.customGrad((...args: unknown[]) => {
    const [x, , save] = args as [Tensor, Tensor, (tensors: Tensor[]) => void];
    save([x]);
    return {
      value: tf.reshape(x, x.shape),
      gradFunc: (dy: Tensor, saved: Tensor[]) => [dy, tf.matMul(dy, saved[0]!, false, true)],
    };
  });
  return through(x_anr, soft_ann);
}
