/** @file Gradients through the inner steps. */
import { mapValues, ndarray } from '@weightspace/compute';

import { packUnroll, repeated, unpackUnroll } from '../unroll/unroll-state.ts';
import type { EstimatorKind, GradientEstimator } from './estimator.ts';
import { checkLearnable, meanGradient, summary } from './perturbations.ts';

const settings = {
  /** A task's gradient is shortened to this length; 0: not at all. */
  clipNorm: 0,
};

/**
 * The exact gradient of each task's mean loss over the K steps, with what came before taken for constant: no variance but that of data
 * and starts, biased as all truncations are, and of no use where trainings are chaotic.
 *
 * Every operation of the task and the optimizer needs a gradient of its gradient: so for linear layers, not for
 * convolutions and pooling, whose gradients have none.
 *
 * Source: Werbos 1990; learned_optimization's `TruncatedGrad`. Departs: a task whose gradient isn't finite counts as 0.
 */
export const truncatedBackpropagation: EstimatorKind<typeof settings> = {
  kind: 'truncated-backpropagation',
  source: "Werbos 1990; learned_optimization's TruncatedGrad",
  settings,
  create: (step, { clipNorm }): GradientEstimator => {
    checkLearnable('truncated-backpropagation', step.optimizer.kind, step.optimizer.metaParameterCount);
    const { tasks } = step.settings;
    return {
      kind: 'truncated-backpropagation',
      start: async (stream) => packUnroll(await step.start(stream, 1)),
      estimate: async (meta, state, stream) => {
        const own = repeated(
          mapValues(meta, ({ data, shape }) => ndarray(data as Float32Array, [1, ...shape])),
          tasks,
        );
        const made = await step.runWithGradients(own, unpackUnroll(state), stream);
        const found = meanGradient(made.gradients, factors(made.gradients, tasks, clipNorm));
        const { state: next } = await step.restart(made.state, stream.split('restart'));
        return { ...found, ...summary(made.losses, made.rawLosses), state: packUnroll(next) };
      },
    };
  },
};

/** By what each task's gradient is multiplied, so that it is no longer than allowed. */
function factors(gradients: Parameters<typeof meanGradient>[0], tasks: number, longest: number): number[] {
  return Array.from({ length: tasks }, (_, t) => {
    if (longest === 0) return 1;
    let square = 0;
    for (const { data } of Object.values(gradients)) {
      const size = data.length / tasks;
      for (let i = t * size; i < (t + 1) * size; i++) square += data[i]! ** 2;
    }
    return Math.min(1, longest / (Math.sqrt(square) + 1e-6));
  });
}
