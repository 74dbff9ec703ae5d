/** @file A perceptron on weights in an order that a small equivariant network learns. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, ndarray, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { actTensors, neuronStatistics, sortNeurons } from '@weightspace/symmetry';

import { blocksOf, joinBlocks, splitBlocks } from '../../blocks/blocks.ts';
import type { Block } from '../../blocks/blocks.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { standardize } from '../../layers/standardize.ts';
import { MetanetError } from '../../metanet.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { flattenWeights, gauged, measureOutputs, measureStatistics } from './canonical-weights.ts';
import { neuronScores, neuronScoreParameters, scoredSpaces } from './neuron-scores.ts';
import type { ScoredSpace } from './neuron-scores.ts';
import { softOrder, straightThrough } from './soft-order.ts';

export const learnedCanonicalizationSettings = {
  /** Channels of the network that scores neurons. */
  channels: 32,
  /** Differences of scores below which the gradient takes neurons for exchangeable. */
  temperature: 0.1,
  /** Also choose signs, phases and scales of neurons by a rule, where activations have them. */
  gauge: true,
  head: [512, 512] as readonly number[],
  dropout: 0.2,
};
export type LearnedCanonicalizationSettings = typeof learnedCanonicalizationSettings;

/**
 * y = MLP(g(w)⁻¹ w), where g(w) sorts the neurons of every space by scores that Deep Sets on their statistics give.
 *
 * Forward, neurons are sorted; backward, the order has the gradient of a soft sort (straight-through).
 *
 * Symmetry: invariant to permutations of hidden neurons, in training too.
 * Source: Kaba et al. 2023, "Equivariance with Learned Canonicalization Functions", arXiv:2211.06489, eq. 2.
 * Departs: a sort in place of the paper's groups (rotations, and permutations of a set's features); its gradient by
 *   SoftSort and a straight-through estimator. Each parameter is standardized by one mean and deviation, since places
 *   have no meaning before the order is learnt.
 */
export const learnedCanonicalization: MetanetKind<LearnedCanonicalizationSettings> = {
  kind: 'learned-canonicalization',
  family: 'baseline',
  source: 'Kaba et al. 2023, arXiv:2211.06489, eq. 2',
  symmetry:
    'invariant to permutations of hidden neurons, and with gauge to their signs, phases and scales; discontinuous where two neurons have the same score',
  inputs: ['any network that has hidden neurons'],
  takes: inputFamilies,
  settings: learnedCanonicalizationSettings,
  create: (architecture, outputs, settings) => {
    const spaces = scoredSpaces(architecture);
    check(architecture, spaces, settings);
    const { gauge, channels, temperature } = settings;
    const blocks = blocksOf(architecture);
    const initialize = (stream: RandomStream): NdArrays => ({
      ...neuronScoreParameters(spaces, channels, stream),
      ...headParameters(architecture.parameterCount, outputs, settings, stream),
    });
    const apply = (params: Tensors, fixed: Tensors, given: Tensors, noise?: Tensors): Tensor => {
      const weights = gauged(architecture, given, gauge);
      const scores = neuronScores(params, spaces, neuronStatistics(architecture, weights), fixed);
      const element = sortNeurons(architecture, scores);
      const sorted = actTensors(architecture, element, weights);
      const orders = softOrders(spaces, scores, element, temperature);
      const values = splitBlocks(blocks, sorted);
      const through = Object.fromEntries(
        blocks.map((block) => [block.name, throughBlock(block, values[block.name]!, orders)]),
      );
      const x = flattenWeights(architecture, joinBlocks(architecture, blocks, through));
      return applyHead(params, standardize(x, fixed), settings, noise);
    };
    return {
      kind: 'learned-canonicalization',
      architecture,
      outputs,
      parameterCount: countDrawn(initialize),
      initialize,
      measure: (weights) => ({
        ...measureStatistics(architecture, weights, gauge),
        ...measureParameters(architecture, weights, gauge),
      }),
      noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
      apply,
    };
  },
};

/** One mean and deviation for all places of a parameter. @returns `mean` and `deviation`; shape `[all]` */
function measureParameters(architecture: Architecture, weights: NdArrays, gauge: boolean): NdArrays {
  const places = measureOutputs(weights, (w) => flattenWeights(architecture, gauged(architecture, w, gauge)));
  const [mean, deviation] = [places['mean']!.data.slice(), places['deviation']!.data.slice()];
  let start = 0;
  for (const { shape } of architecture.parameters) {
    const end = start + shape.reduce((n, size) => n * size, 1);
    const means = mean.subarray(start, end) as Float32Array;
    const centre = means.reduce((sum, m) => sum + m, 0) / means.length;
    let square = 0;
    for (let i = start; i < end; i++) square += (deviation[i]! ** 2 + (mean[i]! - centre) ** 2) / (end - start);
    mean.fill(centre, start, end);
    deviation.fill(Math.sqrt(square) || 1, start, end);
    start = end;
  }
  const shape = [mean.length];
  return { mean: ndarray(mean as Float32Array, shape), deviation: ndarray(deviation as Float32Array, shape) };
}

/** By space: `softOrder` of its sorted scores, `[B, instances, n, n]`; where a parent moves, its instances move with it. */
function softOrders(
  spaces: readonly ScoredSpace[],
  scores: Tensors,
  element: Tensors,
  temperature: number,
): Map<string, Tensor> {
  /** Which neuron of all instances each new one was; `[B, n]`. */
  const places = new Map<string, Tensor>();
  return new Map(
    spaces.map(({ name, size, instances, parent }) => {
      const batch = scores[name]!.shape[0]!;
      const own = tf.topk(tf.reshape(scores[name]!, [batch, instances, size]), size).values;
      const outer = parent === undefined ? undefined : places.get(parent);
      // A product, since its gradient is one product too; that of a gather goes network by network.
      const placed = outer ? tf.matMul(tf.oneHot(outer, instances, 1, 0, 'float32'), own) : own;
      places.set(name, placesOf(element[`${name}.permutation`]!, outer, size));
      const soft = softOrder(tf.reshape(placed, [batch * instances, size]), temperature);
      return [name, tf.reshape(soft, [batch, instances, size, size])];
    }),
  );
}

function placesOf(order: Tensor, outer: Tensor | undefined, size: number): Tensor {
  if (!outer) return order;
  const start = tf.mul(outer, tf.scalar(size, 'int32'));
  const [B, instances] = outer.shape as [number, number];
  const within = tf.reshape(order, [B, instances, size]);
  return tf.reshape(tf.add(tf.reshape(start, [B, instances, 1]), within), order.shape);
}

/** A block with the gradients of the orders of all of its factors. @param value shape `[B, …sizes]` */
function throughBlock({ factors }: Block, value: Tensor, orders: ReadonlyMap<string, Tensor>): Tensor {
  return factors.reduce((x, { space }, f) => {
    const soft = orders.get(space);
    if (!soft) return x;
    const [B, instances, size] = soft.shape as [number, number, number];
    const first = [...ancestorsOf(factors, f), f].map((axis) => axis + 1);
    const order = [0, ...first, ...x.shape.flatMap((_, axis) => (axis === 0 || first.includes(axis) ? [] : [axis]))];
    const front = tf.transpose(x, order);
    const rows = tf.reshape(front, [B * instances, size, -1]);
    const through = straightThrough(rows, tf.reshape(soft, [B * instances, size, size]));
    const back = order.map((_, axis) => order.indexOf(axis));
    return tf.transpose(tf.reshape(through, front.shape), back);
  }, value);
}

/** The factors that say in which instance a factor lies, outermost first. */
function ancestorsOf(factors: Block['factors'], f: number): number[] {
  const { within } = factors[f]!;
  return within === undefined ? [] : [...ancestorsOf(factors, within), within];
}

function check(
  architecture: Architecture,
  spaces: readonly ScoredSpace[],
  { channels, temperature }: LearnedCanonicalizationSettings,
): void {
  const fail = (problem: string): never => {
    throw new MetanetError('learned-canonicalization', problem);
  };
  if (!Number.isInteger(channels) || channels < 1) fail(`channels must be a whole number above 0, got ${channels}`);
  if (!(temperature > 0)) fail(`temperature must be above 0, got ${temperature}`);
  if (spaces.length === 0) fail(`takes networks with neurons to sort, got '${architecture.name}'; flat-mlp takes it`);
}
