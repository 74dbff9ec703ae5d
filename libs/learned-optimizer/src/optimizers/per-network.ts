/** @file The axes M and N: copies of meta-parameters, and networks that use them. */
import { ShapeError, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

/**
 * What each network uses of copies that lie as blocks.
 *
 * @param copies shape `[M, …]` @param count N
 * @returns shape `[N, …]`; row n is copy ⌊n · M / N⌋
 * @throws {ShapeError} unless M divides N
 */
export function perNetwork(copies: Tensor, count: number): Tensor {
  const [M, ...own] = copies.shape as [number, ...number[]];
  if (M === count) return copies;
  if (M === 0 || count % M !== 0) {
    throw new ShapeError('perNetwork', 'meta-parameters', ['M', ...own], copies.shape, `M must divide N = ${count}`);
  }
  // Flat, since there are no products or gradients of it with many axes.
  const flat: Tensor = tf.reshape(copies, [M, 1, copies.size / M]);
  return tf.reshape(tf.tile(flat, [1, count / M, 1]), [count, ...own]);
}

/** N: how many networks these are the parameters of. */
export const networksIn = (params: Tensors): number => Object.values(params)[0]?.shape[0] ?? 0;

/** `[N]` as `[N, 1, …, 1]`, to stand beside what has the axes of `like`. */
export const beside = (values_n: Tensor, like: Tensor): Tensor =>
  tf.reshape(values_n, [values_n.size, ...Array<number>(like.rank - 1).fill(1)]);
