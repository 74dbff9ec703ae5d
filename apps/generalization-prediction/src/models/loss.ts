/** @file What is learnt: a share by its logit, or any number. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';

/** `bce`: binary cross-entropy of a share in [0, 1]; `mse`: squared error in units of the target's deviation. */
export const losses = ['bce', 'mse'] as const;
export type LossName = (typeof losses)[number];

/** Plain numbers, so that a saved predictor has them. */
export interface Scale {
  readonly mean: number;
  readonly deviation: number;
}

/** Mean loss of a batch. @param z_b what the metanet gives @param y_b targets */
export function lossOf(name: LossName, { mean, deviation }: Scale, z_b: Tensor, y_b: Tensor): Tensor {
  if (name === 'bce') return tf.mean(tf.sub(tf.softplus(z_b), tf.mul(z_b, y_b)));
  return tf.mean(tf.square(tf.sub(z_b, tf.div(tf.sub(y_b, mean), deviation))));
}

/** The same number outside of a graph, by row. */
export function lossAt(name: LossName, { mean, deviation }: Scale, z: number, y: number): number {
  if (name === 'bce') return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - z * y;
  return (z - (y - mean) / deviation) ** 2;
}

/** The prediction that an output stands for. */
export const predictionOf = (name: LossName, { mean, deviation }: Scale, z: number): number =>
  name === 'bce' ? 1 / (1 + Math.exp(-z)) : mean + deviation * z;

/** @throws {UsageError} when a target isn't a share and the loss wants one */
export function scaleOf(name: LossName, target: ArrayLike<number>, rows: Int32Array): Scale {
  const values = Array.from(rows, (row) => target[row]!);
  if (name === 'bce') {
    const bad = values.findIndex((y) => !(y >= 0 && y <= 1));
    if (bad >= 0)
      throw new UsageError(
        `training.loss: bce needs targets in [0, 1], got ${values[bad]} in row ${rows[bad]}; set training.loss=mse`,
      );
  }
  const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
  const variance = values.reduce((sum, y) => sum + (y - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}
