/** @file Tasks whose parameters are given in other units. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { checkKnown, logUniformOf, positiveRange } from './draws.ts';
import type { AugmentationKind } from './augmentation.ts';
import type { Task } from './task.ts';

const settings = {
  /** 'tensor': each parameter has a scale of its own; 'global': all have the same. */
  level: 'tensor',
  /** Least and greatest scale, drawn log-uniformly. */
  scales: [0.01, 100] as readonly number[],
};
export type RescaledWeightsSettings = typeof settings;

/**
 * The task with parameters p' = p / s: losses are those of p = s p', starts are divided by s, and gradients are s times as large. Steps of
 * one size are worth more, or less, than before.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `ReparamWeights`. Departs: no scale for each single weight, which would take the task's
 * symmetries away.
 */
export function rescaledWeights({
  level,
  scales,
}: RescaledWeightsSettings): (task: Task, stream: RandomStream) => Task {
  const kind = 'rescaled-weights';
  checkKnown(kind, 'level', level, ['tensor', 'global']);
  const range = positiveRange(kind, 'scales', scales);
  return (task, stream) => {
    const names = task.architecture.parameters.map(({ name }) => name);
    const scaleOf: { readonly [name: string]: number } = Object.fromEntries(
      names.map((name) => [name, logUniformOf(stream.split(level === 'global' ? 'all' : name), range)]),
    );
    const scaled = (params: Tensors): Tensors =>
      Object.fromEntries(Object.entries(params).map(([name, p]) => [name, tf.mul<Tensor>(p, scaleOf[name]!)]));
    const { metrics } = task;
    const first = scaleOf[names[0]!]!.toPrecision(3);
    return {
      ...task,
      name: `${task.name}, weights in units of ${level === 'global' ? first : `${first}, …`}`,
      initialize: (draws, count) =>
        mapValues(
          task.initialize(draws, count),
          (array, name) => ({ ...array, data: array.data.map((value) => value / scaleOf[name]!) }) as NdArray,
        ),
      loss: (params, batch) => task.loss(scaled(params), batch),
      ...(metrics && { metrics: (params, batch) => metrics(scaled(params), batch) }),
    };
  };
}

export const rescaledWeightsKind: AugmentationKind<RescaledWeightsSettings> = {
  kind: 'rescaled-weights',
  source: "learned_optimization's ReparamWeights",
  settings,
  create: rescaledWeights,
};
