/** @file Quadratic bowls, whose optimum, and whose meta-gradients, are known. */
import { mlp } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { ndarray, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor } from '@weightspace/compute';

import { checkPositive, checkWhole, LearnedOptimizerError } from '../kinds.ts';
import { clipped } from './task.ts';
import type { Task, TaskFamily, TaskKind } from './task.ts';

const settings = {
  dimensions: 10,
  /** Largest curvature (1) over the smallest. */
  condition: 10,
  /** Deviation of the noise of each element of the gradient. */
  noise: 0,
  /** Starts are normal with this deviation; 0: all start at 1, so that nothing is random. */
  spread: 1,
};
export type QuadraticSettings = typeof settings;

/** Normalized losses are cut here. */
const CAP = 1e3;

/**
 * Bowls with curvatures h from 1/condition to 1, evenly spaced in the logarithm, and an optimum c that is drawn:
 *
 *     loss(w) = ½ Σ_i h_i (w_i − c_i)² + Σ_i z_i w_i,     z the noise of the step; the least loss without it is 0, at c
 *
 * The parameters are the weights `layer1.weight` `[1, dimensions]` of a linear map, so that the task has an architecture.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `QuadraticTask`. Departs: curvatures, optimum and noise are settings.
 */
export function quadratics({ dimensions, condition, noise, spread }: QuadraticSettings): TaskFamily {
  checkWhole('quadratic', 'dimensions', dimensions);
  checkPositive('quadratic', 'condition', condition);
  for (const [name, value] of Object.entries({ noise, spread })) {
    if (!(value >= 0 && value < Infinity))
      throw new LearnedOptimizerError('quadratic', `${name} must be a finite number ≥ 0, got ${value}`);
  }
  const architecture = mlp({ sizes: [dimensions, 1], bias: false });
  const curvature = ndarray(
    Float32Array.from({ length: dimensions }, (_, i) => condition ** (-i / Math.max(1, dimensions - 1))),
    [1, 1, dimensions],
  );
  const sample = (stream: RandomStream): Task => {
    const optimum = spread === 0 ? new Float32Array(dimensions) : stream.normal([dimensions]).data;
    return bowl(architecture, curvature, ndarray(optimum, [1, 1, dimensions]), noise, spread);
  };
  return { name: `quadratic ${dimensions}`, sample };
}

function bowl(architecture: Architecture, curvature: NdArray, optimum: NdArray, noise: number, spread: number): Task {
  const dimensions = optimum.data.length;
  const start = (stream: RandomStream, count: number): NdArray =>
    spread === 0
      ? ndarray(new Float32Array(count * dimensions).fill(1), [count, 1, dimensions])
      : stream.normal([count, 1, dimensions], 0, spread);
  return {
    name: `quadratic ${dimensions}`,
    architecture,
    initialize: (stream, count) => ({ 'layer1.weight': start(stream, count) }),
    batch: (stream, part, count): NdArrays =>
      noise === 0 ? {} : { noise: stream.split(part).normal([count, 1, dimensions], 0, noise) },
    loss: (params, batch): Tensor => {
      const w = params['layer1.weight']!;
      const bowls = tf.mul(tf.mul(tf.square(tf.sub(w, toTensor(optimum))), toTensor(curvature)), 0.5);
      return tf.sum(batch['noise'] ? tf.add(bowls, tf.mul(batch['noise'], w)) : bowls, [1, 2]);
    },
    normalize: (loss) => clipped(loss, CAP),
  };
}

export const quadraticKind: TaskKind<QuadraticSettings> = {
  kind: 'quadratic',
  source: "learned_optimization's QuadraticTask",
  settings,
  create: quadratics,
};
