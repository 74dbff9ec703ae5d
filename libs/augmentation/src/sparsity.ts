/** @file Augmentations that set weights to 0: at random, or the smallest ones. */
import type { Architecture, ParameterSpec } from '@weightspace/architecture';
import { sizeOf, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Augmentation } from './augmentation.ts';

const having = ({ parameters }: Architecture, ...kinds: ParameterSpec['kind'][]): ParameterSpec[] =>
  parameters.filter(({ kind }) => kinds.includes(kind));

/**
 * Sets each number of weights and biases to 0 with a probability; the others stay as they are.
 *
 * Source: the published list of weight-space augmentations, with a probability of 0.1.
 * Departs: what is kept isn't divided by the share that is kept, which would change the function of a network further;
 *   parameters of norms stay.
 */
export const dropout = (probability = 0.1): Augmentation => ({
  name: 'dropout',
  kind: 'approximate',
  draw: (architecture, batch, stream) =>
    Object.fromEntries(
      having(architecture, 'weight', 'bias').map(({ name, shape }) => [
        name,
        stream.split(name).bernoulli([batch, ...shape], 1 - probability),
      ]),
    ),
  apply: (architecture, weights, draws) => ({
    ...weights,
    ...Object.fromEntries(
      having(architecture, 'weight', 'bias').map(({ name }) => [name, tf.mul(weights[name]!, draws[name]!) as Tensor]),
    ),
  }),
});

/**
 * Sets the smallest weights to 0: in every weight those whose magnitude is under the network's own random quantile.
 *
 * @param most the quantile is uniform in 0 … most
 * Source: the published list of weight-space augmentations, with quantiles up to 0.1.
 * Departs: quantiles of each weight for itself; biases and parameters of norms stay.
 */
export const quantile = (most = 0.1): Augmentation => ({
  name: 'quantile',
  kind: 'approximate',
  draw: (_, batch, stream) => ({ quantile: stream.uniform([batch], 0, most) }),
  apply: (architecture, weights, draws) => ({
    ...weights,
    ...Object.fromEntries(
      having(architecture, 'weight').map(({ name, shape }) => [
        name,
        maskSmallest(weights[name]!, draws['quantile']!, most, sizeOf(shape)),
      ]),
    ),
  }),
});

/** @param quantile_b at most `most` @param size numbers of one network */
function maskSmallest(w: Tensor, quantile_b: Tensor, most: number, size: number): Tensor {
  const batch = w.shape[0]!;
  const magnitude = tf.abs(tf.reshape(w, [batch, size]));
  // Rounding of most · size must not leave the table.
  const kept = Math.min(size, Math.floor(most * size) + 2);
  const smallest = tf.neg(tf.topk(tf.neg(magnitude), kept).values);
  const rank = tf.cast(tf.minimum(tf.floor(tf.mul(quantile_b, size)), kept - 1), 'int32');
  const threshold = tf.gather(smallest, tf.reshape(rank, [batch, 1]) as Tensor as tf.Tensor1D, 1, 1);
  const mask = tf.cast(tf.greaterEqual(magnitude, threshold), 'float32');
  return tf.mul(w, tf.reshape(mask, w.shape)) as Tensor;
}
