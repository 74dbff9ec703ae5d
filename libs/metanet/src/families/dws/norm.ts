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
  if (statistics) {
    putStatistics(view, label, statistics);
    return tf.reshape(trainedRelu(view, gain, shift), x.shape);
  }
  const mean = column(fixed[`${label}.mean`]!);
  const variance = tf.maximum(tf.sub(column(fixed[`${label}.square`]!), tf.square(mean)), 0);
  const factor = tf.mul(gain, tf.rsqrt(tf.add(variance, EPSILON)));
  return tf.reshape(tf.relu(tf.add(tf.mul(tf.sub(view, mean), factor), shift)), x.shape);
}

interface Moments {
  /** `[C, 1]` */
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly centred: Tensor;
}

/** Of each channel. Centred before squares are taken: the mean of squares less the squared mean would cancel. */
function momentsOf(x: Tensor): Moments {
  const channels = x.shape[2]!;
  const mean: Tensor = tf.reshape(tf.mean(x, [0, 1, 3]), [channels, 1]);
  const centred: Tensor = tf.sub(x, mean);
  const variance: Tensor = tf.reshape(tf.mean(tf.square(centred), [0, 1, 3]), [channels, 1]);
  return { mean, variance, centred };
}

/** The same operations as within `trainedRelu`, so a compiled graph has them once. */
function putStatistics(x: Tensor, label: string, statistics: Record<string, Tensor>): void {
  const { mean, variance } = momentsOf(x);
  statistics[`${label}.mean`] = tf.reshape(mean, [mean.size]);
  statistics[`${label}.square`] = tf.reshape(tf.add(variance, tf.square(mean)), [mean.size]);
}

/**
 * ReLU(gain · (x − mean) / √(variance + ε) + shift) by the moments of x itself.
 *
 * With c the centred x, r = 1/√(variance + ε), and g the gradient behind the ReLU, the gradient of x is
 * gain · r · (g − mean(g) − c · r² · mean(g ∘ c)): one custom gradient, with half the passes over x of its parts.
 *
 * @param x shape `[B, F, C, R]` @param gain shape `[C, 1]` @param shift shape `[C, 1]`
 */
function trainedRelu(x: Tensor, gain: Tensor, shift: Tensor): Tensor {
  const run = tf.customGrad((...given) => {
    const [a, own, added, save] = given as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const { variance, centred } = momentsOf(a);
    const inverse: Tensor = tf.rsqrt(tf.add(variance, EPSILON));
    const value = tf.relu(tf.add(tf.mul(centred, tf.mul(own, inverse)), added)) as Tensor;
    save([centred, inverse, own, value]);
    return { value, gradFunc: (dy, saved) => trainedGradients(dy, saved as Tensor[]) as never };
  });
  return run(x, gain, shift) as Tensor;
}

function trainedGradients(dy: Tensor, [centred, inverse, gain, value]: readonly Tensor[]): Tensor[] {
  const g: Tensor = tf.mul(dy, tf.cast(tf.greater(value!, 0), 'float32'));
  const sums = (y: Tensor): Tensor => tf.reshape(tf.sum(y, [0, 1, 3]), gain!.shape);
  const [plain, weighted] = [sums(g), sums(tf.mul(g, centred!))];
  const factor = tf.mul(gain!, inverse!);
  const share = tf.mul(factor, gain!.size / g.size);
  const away = tf.mul(centred!, tf.mul(tf.mul(share, tf.square(inverse!)), weighted));
  const dx = tf.sub(tf.mul(g, factor), tf.add(away, tf.mul(share, plain)));
  return [dx, tf.mul(weighted, inverse!), plain] as Tensor[];
}
