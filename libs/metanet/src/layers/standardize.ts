/** @file Features with mean 0 and deviation 1 over the training networks. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';

/** Mean and deviation of each column. @param x shape `[N, F]` @returns `mean` and `deviation`, shape `[F]` */
export function measureColumns({ shape, data }: NdArray): NdArrays {
  const [rows, columns] = shape as [number, number];
  const [mean, square] = [new Float64Array(columns), new Float64Array(columns)];
  for (let i = 0; i < data.length; i++) mean[i % columns]! += data[i]! / rows;
  for (let i = 0; i < data.length; i++) square[i % columns]! += (data[i]! - mean[i % columns]!) ** 2 / rows;
  const deviation = Float32Array.from(square, (v) => Math.sqrt(v) || 1);
  return { mean: ndarray(Float32Array.from(mean), [columns]), deviation: ndarray(deviation, [columns]) };
}

export const standardize = (x: Tensor, fixed: Tensors): Tensor =>
  tf.div(tf.sub(x, fixed['mean']!), fixed['deviation']!);
