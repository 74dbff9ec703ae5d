/** @file Evolution strategies on whole trainings. */
import type { NdArray } from '@weightspace/compute';

import { LearnedOptimizerError } from '../kinds.ts';
import { drawHorizon } from '../unroll/horizon.ts';
import type { EstimatorKind, GradientEstimator } from './estimator.ts';
import {
  antithetic,
  checkEvolution,
  drawPerturbations,
  evolutionGradient,
  evolutionSettings,
  finite,
  shaped,
  summary,
} from './perturbations.ts';

const settings = {
  ...evolutionSettings,
  /** Of the losses of a training: their mean, the least, or the last. */
  loss: 'mean' as string,
};

/** From the losses of a training, one after another, to one number. */
const aggregates: { readonly [name: string]: (losses: readonly number[]) => number } = {
  mean: (losses) => losses.reduce((a, b) => a + b, 0) / losses.length,
  min: (losses) => Math.min(...losses),
  last: (losses) => losses.at(-1)!,
};

/**
 * A whole training under each sign, from new networks each time; the horizon is drawn for all tasks of an estimate.
 *
 *     gradient = mean over tasks of ε · (L₊ − L₋) / (2 σ²)
 *
 * Source: learned_optimization's `FullES`. Departs: `last` is the loss of the last step, without computing it anew.
 */
export const fullEs: EstimatorKind<typeof settings> = {
  kind: 'full-es',
  source: "learned_optimization's FullES",
  settings,
  create: (step, chosen): GradientEstimator => {
    checkEvolution('full-es', step, chosen);
    const aggregate = aggregates[chosen.loss];
    if (!aggregate) {
      const known = Object.keys(aggregates).join(', ');
      throw new LearnedOptimizerError('full-es', `loss must be one of ${known}, got '${chosen.loss}'`);
    }
    const { tasks, horizon, length } = step.settings;
    const { deviation, sign, clip } = chosen;
    return {
      kind: 'full-es',
      start: () => Promise.resolve({}),
      estimate: async (meta, _, stream) => {
        const steps = drawHorizon(stream.split('horizon'), horizon, length);
        const moves = drawPerturbations(meta, tasks, deviation, stream.split('perturbations'));
        const copies = antithetic(meta, moves);
        let state = await step.start(stream.split('start'), 2, steps);
        const curves: NdArray[] = [];
        const parts = [];
        for (let done = 0; done < steps; done += length) {
          const made = await step.run(copies, state, stream.split('truncation').split(done));
          ({ state } = made);
          curves.push(made.losses);
          parts.push(summary(made.losses, made.rawLosses));
        }
        const losses = aggregated(curves, aggregate);
        const differences = Float64Array.from({ length: tasks }, (_t, t) =>
          shaped(losses[t]! - losses[tasks + t]!, sign, clip),
        );
        return {
          ...evolutionGradient(moves, differences, deviation),
          loss: parts.reduce((sum, part) => sum + part.loss, 0) / parts.length,
          innerSteps: parts.reduce((sum, part) => sum + part.innerSteps, 0),
          diverged: parts.at(-1)!.diverged,
          state: {},
        };
      },
    };
  },
};

/** One number for each network. */
function aggregated(curves: readonly NdArray[], aggregate: (losses: readonly number[]) => number): number[] {
  const N = curves[0]!.shape[1]!;
  return Array.from({ length: N }, (_, n) =>
    aggregate(
      curves.flatMap(({ data, shape }) => Array.from({ length: shape[0]! }, (_k, k) => finite(data[k * N + n]!))),
    ),
  );
}
