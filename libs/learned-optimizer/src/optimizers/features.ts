/** @file What learned optimizers see: time, momenta, and their normalization. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

const TIMES = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000];
/** Numbers in `timeFeatures`. */
export const TIME_FEATURES = TIMES.length;

/**
 * tanh(t/s − 1) for s = 1, 3, 10, …, 100,000.
 *
 * @param step_n steps made before; shape `[N]` @returns shape `[N, 11]`
 * Source: learned_optimization's `_tanh_embedding`. Departs: nothing.
 */
export const timeFeatures = (step_n: Tensor): Tensor =>
  tf.tanh(tf.sub(tf.mul(tf.reshape(step_n, [step_n.size, 1]), tf.tensor2d([TIMES.map((s) => 1 / s)])), 1));

const EPSILON = 1e-5;

/**
 * By what features are multiplied so that their mean square is 1: 1/√(mean x² + 1e-5).
 *
 * @param x_ncp shape `[N, C, P]` @returns shape `[N, C]`
 * Source: learned_optimization's `_second_moment_normalizer`. Departs: nothing.
 */
export const normalizers = (x_ncp: Tensor): Tensor => tf.rsqrt(tf.add(tf.mean(tf.square(x_ncp), 2), EPSILON));

/**
 * Momenta with decays of their own: m ← β m + (1−β) x, without correction of their start at 0.
 *
 * @param m shape `[N, D, P]` @param x_np shape `[N, P]` @param decays shape `[1 or N, D, 1]`
 */
export const follow = (m: Tensor, x_np: Tensor, decays: Tensor): Tensor =>
  tf.add(tf.mul(m, decays), tf.mul(tf.expandDims(x_np, 1), tf.sub(1, decays)));

/** A stacked parameter with its elements in a row. @returns shape `[N, P]` */
export const flat = (x: Tensor): Tensor => tf.reshape(x, [x.shape[0]!, x.size / x.shape[0]!]);

/** What a learned step is made of: Δ = direction · exp(1e-3 · magnitude) · 1e-3. */
export const learnedStep = (direction: Tensor, magnitude: Tensor): Tensor =>
  tf.mul(direction, tf.mul(tf.exp(tf.mul(magnitude, 1e-3)), 1e-3));
