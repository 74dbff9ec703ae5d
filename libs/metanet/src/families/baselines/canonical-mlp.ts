/** @file A perceptron on weights that are in a canonical form. */
import { countDrawn, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { standardize } from '../../layers/standardize.ts';
import { MetanetError } from '../../metanet.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { flattenWeights, gauged, measureOutputs, sortedBy } from './canonical-weights.ts';
import type { Scoring } from './canonical-weights.ts';

export const canonicalMlpSettings = {
  /** What neurons are sorted by: `magnitude` of all that they have a part in, or `mean` of it. */
  key: 'magnitude',
  /** Also choose signs, phases and scales of neurons by a rule, where activations have them. */
  gauge: true,
  head: [512, 512] as readonly number[],
  dropout: 0.2,
};
export type CanonicalMlpSettings = typeof canonicalMlpSettings;

/**
 * Sums of the means, or of the mean magnitudes, of all places where a neuron stands.
 *
 * Statistics come as means first, then magnitudes, so half of them are of one sort.
 */
const scoringBy =
  (key: string): Scoring =>
  (statistics) =>
    Object.fromEntries(
      Object.entries(statistics).map(([space, x_bnf]) => {
        const half = x_bnf.shape[2]! / 2;
        const own = tf.slice(x_bnf, [0, 0, key === 'mean' ? 0 : half], [-1, -1, half]);
        return [space, tf.sum(own, 2)];
      }),
    );

/** Each canonical weight is standardized by its own mean and deviation over the training networks. */
export const canonicalMlp: MetanetKind<CanonicalMlpSettings> = {
  kind: 'canonical-mlp',
  family: 'baseline',
  source: 'none; the quotient by sorting, as in Hecht-Nielsen 1990',
  symmetry:
    'invariant to permutations of hidden neurons, and with gauge to their signs, phases and scales; discontinuous where two neurons have the same key',
  inputs: ['any network'],
  takes: inputFamilies,
  settings: canonicalMlpSettings,
  create: (architecture, outputs, settings) => {
    if (!['magnitude', 'mean'].includes(settings.key))
      throw new MetanetError('canonical-mlp', `key must be magnitude or mean, got '${settings.key}'`);
    const canonical = (weights: Tensors): Tensor => {
      const own = gauged(architecture, weights, settings.gauge);
      return flattenWeights(architecture, sortedBy(architecture, own, scoringBy(settings.key)));
    };
    const initialize = (stream: RandomStream): NdArrays =>
      headParameters(architecture.parameterCount, outputs, settings, stream);
    return {
      kind: 'canonical-mlp',
      architecture,
      outputs,
      parameterCount: countDrawn(initialize),
      initialize,
      measure: (weights) => measureOutputs(weights, canonical),
      noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
      apply: (params, fixed, weights, noise) =>
        applyHead(params, standardize(canonical(weights), fixed), settings, noise),
    };
  },
};
