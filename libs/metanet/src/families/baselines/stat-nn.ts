/** @file Statistics of each parameter, and a perceptron on them. */
import { countDrawn } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';

import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { measureColumns, standardize } from '../../layers/standardize.ts';
import { mixStatNn } from './stat-nn-mixed.ts';
import { measureStatistics, STATISTICS, weightStatistics } from './weight-statistics.ts';

export const statNnSettings = { head: [1000, 1000] as readonly number[], dropout: 0.2 };
export type StatNnSettings = typeof statNnSettings;

export const statNn: MetanetKind<StatNnSettings> = {
  kind: 'stat-nn',
  family: 'baseline',
  source: 'Unterthiner et al. 2020, arXiv:2002.11448',
  symmetry: 'invariant to every permutation of the entries of a parameter',
  inputs: ['any network'],
  takes: inputFamilies,
  settings: statNnSettings,
  published: {
    settings: { head: [1000, 1000] },
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 1_060_000,
    departs: 'nothing; the published count is rounded',
  },
  mix: mixStatNn,
  create: (architecture, outputs, settings) => {
    const names = architecture.parameters.map(({ name }) => name);
    const initialize = (stream: RandomStream): NdArrays =>
      headParameters(STATISTICS * names.length, outputs, settings, stream);
    return {
      kind: 'stat-nn',
      architecture,
      outputs,
      parameterCount: countDrawn(initialize),
      initialize,
      measure: (weights) => measureColumns(measureStatistics(weights, names)),
      noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
      apply: (params, fixed, weights, noise) =>
        applyHead(params, standardize(weightStatistics(weights, names), fixed), settings, noise),
    };
  },
};
