/** @file Statistics of the entries of each parameter. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';

/** Mean, variance and five quantiles. */
export const STATISTICS = 7;
const QUANTILES = [0, 0.25, 0.5, 0.75, 1];

/**
 * Statistics of the entries of each parameter.
 *
 * @param weights shape `[B, …shape]` each
 * @returns shape `[B, 7 · parameters]`
 * Symmetry: invariant to every permutation of entries.
 * Source: Unterthiner et al. 2020, "Predicting Neural Network Accuracy from Weights", arXiv:2002.11448, section 4.
 * Departs: nothing; quantiles are interpolated linearly.
 */
export function weightStatistics(weights: Tensors, names: readonly string[]): Tensor {
  const parts = names.map((name) => {
    const w = weights[name]!;
    const [batch, size] = [w.shape[0]!, w.size / w.shape[0]!];
    const flat = tf.reshape(w, [batch, size]);
    const mean = tf.mean(flat, 1, true);
    const variance = tf.mean(tf.square(tf.sub(flat, mean)), 1, true);
    const sorted = tf.topk(flat, size).values;
    return tf.concat([mean, variance, tf.matMul(sorted, quantileMatrix(size))], 1);
  });
  return tf.concat(parts, 1);
}

/** Weights of the sorted entries (largest first) in each quantile; shape `[size, 5]`. */
function quantileMatrix(size: number): tf.Tensor2D {
  const data = new Float32Array(size * QUANTILES.length);
  QUANTILES.forEach((q, column) => {
    const at = (1 - q) * (size - 1);
    const below = Math.min(Math.floor(at), size - 1);
    const share = at - below;
    data[below * QUANTILES.length + column]! += 1 - share;
    if (share > 0) data[(below + 1) * QUANTILES.length + column]! += share;
  });
  return tf.tensor2d(data, [size, QUANTILES.length]);
}

/** The same statistics outside of a graph; shape `[N, 7 · parameters]`. */
export function measureStatistics(weights: NdArrays, names: readonly string[]): NdArray {
  const count = weights[names[0]!]!.shape[0]!;
  const width = STATISTICS * names.length;
  const data = new Float32Array(count * width);
  names.forEach((name, k) => {
    const { data: values } = weights[name]!;
    const size = values.length / count;
    for (let n = 0; n < count; n++) {
      const own = Float64Array.from(values.subarray(n * size, (n + 1) * size)).sort();
      const mean = own.reduce((sum, x) => sum + x, 0) / size;
      const variance = own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / size;
      const quantile = (q: number) => {
        const at = q * (size - 1);
        const below = Math.floor(at);
        return own[below]! + (at - below) * ((own[below + 1] ?? own[below]!) - own[below]!);
      };
      data.set([mean, variance, ...QUANTILES.map(quantile)], n * width + k * STATISTICS);
    }
  });
  return ndarray(data, [count, width]);
}
