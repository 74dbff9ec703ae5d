/** @file The Gaussian error linear unit. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/**
 * x · Φ(x), Φ the distribution function of N(0, 1).
 *
 * Its gradient Φ(x) + x φ(x) is written out: the chain rule over its steps takes twice as many passes over what is the
 * largest tensor of a transformer.
 *
 * @param x any shape
 * Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415, section 2. Departs: nothing.
 */
export function gelu(x: Tensor): Tensor {
  const withGradient = tf.customGrad((given: unknown, save: unknown) => {
    const z = given as Tensor;
    const phi = tf.add(tf.mul(tf.erf(tf.mul(z, Math.SQRT1_2)), 0.5), 0.5);
    (save as (tensors: Tensor[]) => void)([z, phi]);
    return { value: tf.mul(z, phi), gradFunc: slope as never };
  });
  return withGradient(x) as Tensor;
}

const LOG_DENSITY = -0.5 * Math.log(2 * Math.PI);

function slope(dy: Tensor, [x, phi]: readonly [Tensor, Tensor]): Tensor {
  const density = tf.exp(tf.sub(LOG_DENSITY, tf.mul(tf.square(x), 0.5)));
  return tf.mul(dy, tf.add(phi, tf.mul(x, density)));
}
