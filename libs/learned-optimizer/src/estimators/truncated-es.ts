/** @file Evolution strategies on truncations. */
import { firstBlock, packUnroll, repeated, unpackUnroll } from '../unroll/unroll-state.ts';
import type { EstimatorKind, GradientEstimator } from './estimator.ts';
import {
  antithetic,
  checkEvolution,
  drawPerturbations,
  evolutionGradient,
  evolutionSettings,
  lossDifferences,
  summary,
} from './perturbations.ts';

/**
 * Both signs run from the same networks, so that only what happens within a truncation counts: less variance than PES, and
 * biased towards what is good soon.
 *
 *     gradient = mean over tasks of ε · (L₊ − L₋) / (2 σ²)
 *
 * The networks go on from those under +, whose perturbation is as likely as its opposite.
 *
 * Source: Metz et al. 2019, arXiv:1810.10180; learned_optimization's `TruncatedES`. Departs: nothing known.
 */
export const truncatedEs: EstimatorKind<typeof evolutionSettings> = {
  kind: 'truncated-es',
  source: "Metz et al. 2019, arXiv:1810.10180; learned_optimization's TruncatedES",
  settings: evolutionSettings,
  create: (step, settings): GradientEstimator => {
    checkEvolution('truncated-es', step, settings);
    const { deviation } = settings;
    return {
      kind: 'truncated-es',
      start: async (stream) => packUnroll(await step.start(stream, 1)),
      estimate: async (meta, state, stream) => {
        const moves = drawPerturbations(meta, step.settings.tasks, deviation, stream.split('perturbations'));
        const { params, memory, ...clock } = unpackUnroll(state);
        const both = { params: repeated(params, 2), memory: repeated(memory, 2), ...clock };
        const made = await step.run(antithetic(meta, moves), both, stream);
        const found = evolutionGradient(moves, lossDifferences(made.losses, settings), deviation);
        const { state: next } = await step.restart(firstBlock(made.state), stream.split('restart'));
        return { ...found, ...summary(made.losses, made.rawLosses), state: packUnroll(next) };
      },
    };
  },
};
