/** @file A score for every neuron, by Deep Sets on the neurons' statistics. */
import { instancesOf, spaceOf } from '@weightspace/architecture';
import type { LabelledNetwork } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { neuronStatisticCounts } from '@weightspace/symmetry';

import { dense, denseParameters, project } from '../../layers/dense.ts';

/** A space whose neurons get scores. */
export interface ScoredSpace {
  readonly name: string;
  readonly size: number;
  /** Orders that it has: one for each neuron of all that it is within. */
  readonly instances: number;
  readonly parent: string | undefined;
  /** Numbers of each neuron that scores are made of. */
  readonly statistics: number;
}

/** Parents before what is within them. */
export function scoredSpaces(network: LabelledNetwork): ScoredSpace[] {
  const all = Object.entries(neuronStatisticCounts(network)).map(([name, statistics]): ScoredSpace => {
    const { size, within } = spaceOf(network, name);
    return { name, size, instances: instancesOf(network, name), parent: within, statistics };
  });
  return all.sort((a, b) => a.instances - b.instances);
}

export function neuronScoreParameters(
  spaces: readonly ScoredSpace[],
  channels: number,
  stream: RandomStream,
): NdArrays {
  const pooled = channels * spaces.length;
  return Object.assign(
    {},
    ...spaces.flatMap(({ name, statistics }) => [
      denseParameters(`score.${name}.1`, statistics, channels, stream),
      denseParameters(`score.${name}.2`, channels, channels, stream),
      weightOnly(`score.${name}.pooled`, pooled, channels, stream),
      weightOnly(`score.${name}.3`, channels, 1, stream),
    ]),
  ) as NdArrays;
}

/** A bias would be the second one of a sum, or move all scores of a space alike. */
const weightOnly = (name: string, inputs: number, outputs: number, stream: RandomStream): NdArrays => {
  const weight = `${name}.weight`;
  return { [weight]: denseParameters(name, inputs, outputs, stream)[weight]! };
};

/**
 * Two layers on each neuron, of which the second also sees the means of all spaces' first.
 *
 *     h = tanh(x · W₁ + b₁)      s = tanh(h · W₂ + b₂ + (mean_n h of every space) · P) · w₃
 *
 * Letters: B networks, n neurons of a space with all its instances, F statistics.
 * @param statistics by space; shape `[B, n, F]`
 * @param fixed `<space>.mean` and `<space>.deviation` of each statistic; shape `[F]`
 * @returns by space; shape `[B, n]`
 * Symmetry: equivariant to orders of neurons, to rounding.
 * Source: Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, Lemma 3. Departs: means in place of sums, of all spaces.
 */
export function neuronScores(
  params: Tensors,
  spaces: readonly ScoredSpace[],
  statistics: Tensors,
  fixed: Tensors,
): Record<string, Tensor> {
  const hidden = spaces.map(({ name }) => {
    const x = tf.div(tf.sub(statistics[name]!, fixed[`${name}.mean`]!), fixed[`${name}.deviation`]!);
    return tf.tanh(dense(params, `score.${name}.1`, x)) as Tensor;
  });
  const pooled = tf.concat(
    hidden.map((h) => tf.mean(h, 1)),
    1,
  );
  return Object.fromEntries(
    spaces.map(({ name }, i) => {
      const context = tf.expandDims(project(pooled, params[`score.${name}.pooled.weight`]!), 1);
      const second = tf.tanh(tf.add(dense(params, `score.${name}.2`, hidden[i]!), context));
      return [name, tf.squeeze(project(second, params[`score.${name}.3.weight`]!), [2])];
    }),
  );
}
