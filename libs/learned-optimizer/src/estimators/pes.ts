/** @file Persistent evolution strategies. */
import { mapValues, ndarray, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

import { overwriteRows, packUnroll, unpackUnroll } from '../unroll/unroll-state.ts';
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
 * Unbiased (for the smoothed loss) although it truncates: what a loss owes to perturbations of earlier truncations is counted too.
 *
 *     ξ ← ξ + ε,   gradient = mean over tasks of ξ · (L₊ − L₋) / (2 σ²),   ξ ← 0 where a network begins anew
 *
 * The networks under + and − are different ones, which go on; they share starts, data and horizons. The loss is the mean over the
 * K steps of a truncation, so that the sum of estimates over a training is the gradient of its mean loss times the number of truncations.
 *
 * Source: Vicol et al. 2021, arXiv:2112.13835, algorithm 2; learned_optimization's `TruncatedPES`.
 * Departs: networks begin anew between truncations only, so that no truncation has a part behind a new start.
 */
export const pes: EstimatorKind<typeof evolutionSettings> = {
  kind: 'pes',
  source: 'Vicol et al. 2021, arXiv:2112.13835, algorithm 2',
  settings: evolutionSettings,
  create: (step, settings): GradientEstimator => {
    checkEvolution('pes', step, settings);
    const { tasks } = step.settings;
    const { deviation } = settings;
    return {
      kind: 'pes',
      start: async (stream) => {
        const meta = step.optimizer.initialize(stream.split('shapes'));
        const accumulator = mapValues(meta, ({ data, shape }) =>
          ndarray(new Float32Array(tasks * data.length), [tasks, ...shape]),
        );
        return { ...packUnroll(await step.start(stream, 2)), ...withPrefix('accumulator/', accumulator) };
      },
      estimate: async (meta, state, stream) => {
        const moves = drawPerturbations(meta, tasks, deviation, stream.split('perturbations'));
        const accumulator = sums(withoutPrefix('accumulator/', state), moves);
        const made = await step.run(antithetic(meta, moves), unpackUnroll(state), stream);
        const differences = lossDifferences(made.losses, settings);
        const found = evolutionGradient(accumulator, differences, deviation);
        const { state: next, ended } = await step.restart(made.state, stream.split('restart'));
        overwriteRows(accumulator, mapValues(accumulator, zerosLike), ended);
        return {
          ...found,
          ...summary(made.losses, made.rawLosses),
          state: { ...packUnroll(next), ...withPrefix('accumulator/', accumulator) },
        };
      },
    };
  },
};

const sums = (a: NdArrays, b: NdArrays): NdArrays =>
  mapValues(a, ({ data, shape }, name) =>
    ndarray(
      Float32Array.from(data, (value, i) => value + b[name]!.data[i]!),
      shape,
    ),
  );
const zerosLike = ({ data, shape }: NdArrays[string]) => ndarray(new Float32Array(data.length), shape);
