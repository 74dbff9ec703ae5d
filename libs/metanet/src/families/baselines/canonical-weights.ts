/** @file Weights in a row, after signs, phases, scales and orders of neurons have been chosen by a rule. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, ndarray, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { actTensors, gaugeTensors, neuronStatisticCounts, neuronStatistics, sortNeurons } from '@weightspace/symmetry';

import { measureColumns } from '../../layers/standardize.ts';

/** Parameters side by side. @param weights shape `[B, …shape]` each @returns shape `[B, all]` */
export const flattenWeights = ({ parameters }: Architecture, weights: Tensors): Tensor =>
  tf.concat(
    parameters.map(({ name }) => {
      const w = weights[name]!;
      return tf.reshape(w, [w.shape[0]!, w.size / w.shape[0]!]);
    }),
    1,
  );

/** Scores of neurons by space, `[B, n]`, from their statistics, `[B, n, F]`. */
export type Scoring = (statistics: Tensors) => Record<string, Tensor>;

/**
 * Networks whose neurons are in the order of scores, largest first.
 *
 * @param weights gauged: see `gaugeTensors`
 * Symmetry: invariant to orders of hidden neurons; what is left to chance are neurons with equal scores.
 */
export const sortedBy = (architecture: Architecture, weights: Tensors, scoring: Scoring): Tensors =>
  actTensors(architecture, sortNeurons(architecture, scoring(neuronStatistics(architecture, weights))), weights);

/** Signs, phases and scales chosen by a rule where networks have them; as they are where not wanted. */
export const gauged = (architecture: Architecture, weights: Tensors, wanted: boolean): Tensors =>
  wanted ? gaugeTensors(architecture, weights) : weights;

/** Networks in one call of an eager function, which has to hold all of their intermediate values. */
const CHUNK = 64;

/**
 * Mean and deviation of each column of a traceable function of weights.
 *
 * @param weights shape `[N, …shape]`; of more than `most` networks, the first
 * @param columns from `[B, …shape]` to `[rows, columns]`
 * @returns `mean` and `deviation`, shape `[columns]`
 */
export function measureOutputs(weights: NdArrays, columns: (weights: Tensors) => Tensor, most = 1000): NdArrays {
  const count = Math.min(most, Object.values(weights)[0]!.shape[0]!);
  const chunks = Array.from({ length: Math.ceil(count / CHUNK) }, (_, i) =>
    tf.tidy(() => {
      const [from, to] = [i * CHUNK, Math.min(count, (i + 1) * CHUNK)];
      const found = columns(mapValues(weights, (array) => toTensor(rowsOf(array, from, to))));
      return { width: found.shape[1]!, data: found.dataSync() as Float32Array };
    }),
  );
  const { width } = chunks[0]!;
  const data = new Float32Array(chunks.reduce((n, chunk) => n + chunk.data.length, 0));
  chunks.reduce((at, chunk) => (data.set(chunk.data, at), at + chunk.data.length), 0);
  return measureColumns(ndarray(data, [data.length / width, width]));
}

function rowsOf({ data, shape }: NdArray, from: number, to: number): NdArray {
  const stride = data.length / shape[0]!;
  return ndarray((data as Float32Array).slice(from * stride, to * stride), [to - from, ...shape.slice(1)]);
}

/**
 * Mean and deviation of every statistic of each space over the neurons of training networks.
 *
 * @returns `<space>.mean` and `<space>.deviation`, shape `[F]`
 */
export function measureStatistics(architecture: Architecture, weights: NdArrays, gauge: boolean): NdArrays {
  const all = Object.entries(neuronStatisticCounts(architecture)).map(([space, F]) => {
    const { mean, deviation } = measureOutputs(weights, (w) =>
      tf.reshape(neuronStatistics(architecture, gauged(architecture, w, gauge))[space]!, [-1, F]),
    );
    return { [`${space}.mean`]: mean!, [`${space}.deviation`]: deviation! };
  });
  return Object.assign({}, ...all) as NdArrays;
}
