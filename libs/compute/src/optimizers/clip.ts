/** @file Gradients kept from being too long. */
import { mapValues } from '../nd-array.ts';
import type { Tensors } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

/** Length of all gradients as one vector; a scalar. */
export function globalNorm(grads: Tensors): Tensor {
  const parts = Object.values(grads);
  if (parts.length === 0) return tf.scalar(0);
  return tf.tidy(() => tf.sqrt(tf.addN(parts.map((g) => tf.sum(tf.square(g))))));
}

/**
 * Scales all gradients by one factor, so that together they are no longer than `max`.
 *
 *     g ← g · min(1, max / (‖g‖ + 1e-6))
 *
 * @returns the gradients, and their length before (a scalar, worth logging); NaN or infinite where a gradient is
 * @throws {RangeError} when `max` isn't above 0
 * Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1; PyTorch's `clip_grad_norm_`.
 * Departs: nothing.
 */
export function clipByGlobalNorm(grads: Tensors, max: number): { readonly grads: Tensors; readonly norm: Tensor } {
  if (!(max > 0)) throw new RangeError(`clipByGlobalNorm: max must be above 0, got ${max}`);
  return tf.tidy(() => {
    const norm = globalNorm(grads);
    const factor = tf.minimum(tf.div(max, tf.add(norm, 1e-6)), 1);
    return { grads: mapValues(grads, (g) => tf.mul(g, factor) as Tensor), norm };
  });
}

/**
 * Cuts every element to [−max, max].
 *
 * @throws {RangeError} when `max` isn't above 0
 * Source: PyTorch's `clip_grad_value_`.
 * Departs: nothing.
 */
export function clipByValue(grads: Tensors, max: number): Tensors {
  if (!(max > 0)) throw new RangeError(`clipByValue: max must be above 0, got ${max}`);
  return mapValues(grads, (g) => tf.clipByValue(g, -max, max));
}
