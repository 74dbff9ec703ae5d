/** @file Normalization of features by parameter, over the batch or over channels. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter } from '../../layers/dense.ts';
import type { Parameters } from './maps.ts';
import type { DwsTensor } from './plan.ts';

export const norms = ['batch', 'layer', 'none'] as const;
export type Norm = (typeof norms)[number];

const EPSILON = 1e-5;
type Named = Pick<DwsTensor, 'name'>;

/** `<name>.<tensor>.gain` and `.shift`, `[C]` each. */
export const normParameters = (name: string, tensors: readonly Named[], channels: number, norm: Norm): Parameters =>
  norm === 'none'
    ? {}
    : Object.fromEntries(
        tensors.flatMap((t) => [
          [`${name}.${t.name}.gain`, constantParameter(1, [channels])],
          [`${name}.${t.name}.shift`, constantParameter(0, [channels])],
        ]),
      );

/** Statistics before there are any: they change nothing. `<name>.<tensor>.mean` and `.square`, `[C]` each. */
export const plainStatistics = (name: string, tensors: readonly Named[], channels: number): NdArrays =>
  Object.fromEntries(
    tensors.flatMap((t) => [
      [`${name}.${t.name}.mean`, ndarray(new Float32Array(channels), [channels])],
      [`${name}.${t.name}.square`, constantParameter(1, [channels])],
    ]),
  );

export interface NormContext {
  readonly params: Tensors;
  readonly fixed: Tensors;
  /** Where training puts the statistics of this batch; absent in evaluation. */
  readonly statistics: Record<string, Tensor> | undefined;
}

/**
 * ReLU of normalized features.
 *
 *     batch: ReLU(gain · (x − mean) / √(variance + ε) + shift), mean and variance per channel over batch and entries
 *     layer: the same with mean and variance per entry over channels
 *
 * In training `batch` uses this batch's statistics, in evaluation those in `fixed`.
 *
 * Letters: B batch, F folded entries, C channels, R entries.
 *
 * @param x shape `[B, F · C, …sizes]`
 * Symmetry: equivariant to permutations of entries.
 * Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1; Ba et al. 2016, arXiv:1607.06450.
 * Departs: statistics of evaluation are averages over batches of one state of the parameters, not running ones.
 */
export function normalizedRelu(
  { params, fixed, statistics }: NormContext,
  name: string,
  tensor: DwsTensor,
  x: Tensor,
  norm: Norm,
): Tensor {
  if (norm === 'none') return tf.relu(x);
  const label = `${name}.${tensor.name}`;
  const channels = params[`${label}.gain`]!.size;
  const entries = tensor.sizes.reduce((n, size) => n * size, 1);
  const view: Tensor = tf.reshape(x, [x.shape[0]!, tensor.folded, channels, entries]);
  const column = (value: Tensor): Tensor => tf.reshape(value, [channels, 1]);
  const [gain, shift] = [column(params[`${label}.gain`]!), column(params[`${label}.shift`]!)];
  if (norm === 'layer') {
    const centred = tf.sub(view, tf.mean(view, 2, true));
    const factor = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 2, true), EPSILON));
    return tf.reshape(tf.relu(tf.add(tf.mul(tf.mul(centred, factor), gain), shift)), x.shape);
  }
  const { variance, centred } = statistics
    ? ofBatch(view, label, statistics)
    : ofFixed(view, column(fixed[`${label}.mean`]!), column(fixed[`${label}.square`]!));
  const factor = tf.mul(gain, tf.rsqrt(tf.add(variance, EPSILON)));
  return tf.reshape(tf.relu(tf.add(tf.mul(centred, factor), shift)), x.shape);
}

interface Moments {
  readonly variance: Tensor;
  readonly centred: Tensor;
}

/** Centred before squares are taken: the mean of squares less the squared mean would cancel. */
function ofBatch(x: Tensor, label: string, statistics: Record<string, Tensor>): Moments {
  const channels = x.shape[2]!;
  const mean: Tensor = tf.reshape(tf.mean(x, [0, 1, 3]), [channels, 1]);
  const centred: Tensor = tf.sub(x, mean);
  const variance: Tensor = tf.reshape(tf.mean(tf.square(centred), [0, 1, 3]), [channels, 1]);
  statistics[`${label}.mean`] = tf.reshape(mean, [channels]);
  statistics[`${label}.square`] = tf.reshape(tf.add(variance, tf.square(mean)), [channels]);
  return { variance, centred };
}

function ofFixed(x: Tensor, mean: Tensor, square: Tensor): Moments {
  const variance: Tensor = tf.maximum(tf.sub(square, tf.square(mean)), 0);
  return { variance, centred: tf.sub(x, mean) };
}
