/** @file A perceptron averaged over several orders of the neurons, each of which follows from the weights. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { actTensors, neuronStatisticCounts, neuronStatistics, sortNeurons } from '@weightspace/symmetry';

import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { standardize } from '../../layers/standardize.ts';
import { MetanetError } from '../../metanet.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { flattenWeights, gauged, measureOutputs, measureStatistics } from './canonical-weights.ts';

export const frameAveragingSettings = {
  /** Orders to average over. */
  frames: 8,
  /** Also choose signs, phases and scales of neurons by a rule, where activations have them. */
  gauge: true,
  head: [512, 512] as readonly number[],
  dropout: 0.2,
};
export type FrameAveragingSettings = typeof frameAveragingSettings;

/**
 * The networks with their neurons sorted along each of K directions in the space of their statistics.
 *
 *     frame of w = {g_1, …, g_K},  g_k sorts every space by statistics · direction_k
 *
 * Letters: B networks, K frames, n neurons of a space, F statistics of each.
 * @param directions `direction.<space>`; shape `[F, K]`
 * @param weights shape `[B, …shape]`
 * @returns shape `[B·K, …shape]`, frame by frame of each network
 * Symmetry: the set of K networks is invariant to orders of hidden neurons, bit by bit; ties are left to chance.
 * Source: Puny et al. 2022, "Frame Averaging for Invariant and Equivariant Network Design", arXiv:2110.03336, eq. 3;
 *   sorting frames, section 3.
 * Departs: one order for each direction, where the paper takes all orders that sort equal keys: ties have probability 0.
 */
export function sortingFrames(architecture: Architecture, directions: Tensors, weights: Tensors): Tensors {
  const statistics = neuronStatistics(architecture, weights);
  const [, K] = Object.values(directions)[0]!.shape as [number, number];
  const scores = Object.fromEntries(
    Object.entries(statistics).map(([space, x_bnf]) => {
      const [B, n, F] = x_bnf.shape as [number, number, number];
      // Not a matrix product, in which a row's rounding may depend on where it stands.
      const products = tf.mul(tf.reshape(x_bnf, [B, n, F, 1]), directions[`direction.${space}`]!);
      return [space, tf.reshape(tf.transpose(tf.sum(products, 2), [0, 2, 1]), [B * K, n])];
    }),
  );
  const repeated = mapValues(weights, (w): Tensor => {
    const [B, size] = [w.shape[0]!, w.size / w.shape[0]!];
    return tf.reshape(tf.tile(tf.reshape(w, [B, 1, size]), [1, K, 1]), [B * K, ...w.shape.slice(1)]);
  });
  return actTensors(architecture, sortNeurons(architecture, scores), repeated);
}

/** Directions are normal, each statistic divided by its deviation over the neurons of the training networks. */
export const frameAveraging: MetanetKind<FrameAveragingSettings> = {
  kind: 'frame-averaging',
  family: 'baseline',
  source: 'Puny et al. 2022, arXiv:2110.03336, eq. 3',
  symmetry:
    'invariant to permutations of hidden neurons, and with gauge to their signs, phases and scales; discontinuous where two neurons tie in a frame',
  inputs: ['any network that has hidden neurons'],
  takes: inputFamilies,
  settings: frameAveragingSettings,
  create: (architecture, outputs, settings) => {
    const { frames: K, gauge } = settings;
    if (!Number.isInteger(K) || K < 1)
      throw new MetanetError('frame-averaging', `frames must be a whole number above 0, got ${K}`);
    const counts = Object.entries(neuronStatisticCounts(architecture));
    if (counts.length === 0)
      throw new MetanetError(
        'frame-averaging',
        `takes networks with neurons to sort, got '${architecture.name}'; flat-mlp takes it`,
      );
    const rows = (directions: Tensors, weights: Tensors): Tensor =>
      flattenWeights(architecture, sortingFrames(architecture, directions, gauged(architecture, weights, gauge)));
    const directionsOf = (fixed: Tensors): Tensors =>
      Object.fromEntries(counts.map(([space]) => [`direction.${space}`, fixed[`direction.${space}`]!]));
    const initialize = (stream: RandomStream): NdArrays =>
      headParameters(architecture.parameterCount, outputs, settings, stream);
    return {
      kind: 'frame-averaging',
      architecture,
      outputs,
      parameterCount: countDrawn(initialize),
      initialize,
      measure: (weights, stream) => {
        const directions = drawDirections(counts, K, measureStatistics(architecture, weights, gauge), stream);
        const most = Math.ceil(1000 / K);
        const asTensors = (): Tensors => mapValues(directions, ({ data, shape }) => tf.tensor(data, [...shape]));
        return { ...directions, ...measureOutputs(weights, (w) => rows(asTensors(), w), most) };
      },
      noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
      apply: (params, fixed, weights, noise) => {
        const x = standardize(rows(directionsOf(fixed), weights), fixed);
        const [B, D] = [x.shape[0]! / K, x.shape[1]!];
        // A network has one mask in all of its frames.
        const masks = noise && mapValues(noise, (mask) => tf.reshape(mask, [B, 1, mask.shape[1]!]) as Tensor);
        return tf.mean(applyHead(params, tf.reshape(x, [B, K, D]), settings, masks), 1);
      },
    };
  },
};

function drawDirections(
  counts: readonly (readonly [space: string, statistics: number])[],
  frames: number,
  measured: NdArrays,
  stream: RandomStream,
): NdArrays {
  return Object.fromEntries(
    counts.map(([space, F]) => {
      const direction = stream.split(`direction.${space}`).normal([F, frames]);
      const { data } = measured[`${space}.deviation`]!;
      direction.data.forEach((value, i) => (direction.data[i] = value / data[Math.floor(i / frames)]!));
      return [`direction.${space}`, direction];
    }),
  );
}
