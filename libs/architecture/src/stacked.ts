/** @file Tensors of N stacked networks: `[N, P, …positions, n]`, or `[P, …positions, n]` where all share the value. */
import { stackedLinear, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/** Whether the networks have values of their own: there is an axis N. */
export const isStacked = (x: Tensor, positions: readonly number[]): boolean => x.rank === positions.length + 3;

/** A value with its axis N, of size 1 where all networks share it. */
export const withNetworks = (x: Tensor, positions: readonly number[]): Tensor =>
  isStacked(x, positions) ? x : tf.expandDims(x, 0);

/** Takes away an axis N of size 1 where there are more networks: they share the value. */
export const withoutLoneNetwork = (x: Tensor, positions: readonly number[], count: number): Tensor =>
  count > 1 && isStacked(x, positions) && x.shape[0] === 1 ? tf.squeeze(x, [0]) : x;

/** A value once for each of N networks. */
export function stackShared(x: Tensor, positions: readonly number[], count: number): Tensor {
  if (isStacked(x, positions)) return x;
  // Flat: tfjs 4.22 has no gradient of a tile of more than 4 axes.
  return tf.reshape(tf.tile(tf.reshape(x, [1, x.size]), [count, 1]), [count, ...x.shape]);
}

/**
 * A linear layer at every position.
 *
 * @param x shape `[N, P, …positions, I]` or `[P, …positions, I]`
 * @param w_noi shape `[N, O, I]` @param b_no shape `[N, O]`; none when absent
 * @returns shape `[N, P, …positions, O]`
 */
export function linearStacked(
  x: Tensor,
  w_noi: Tensor,
  b_no: Tensor | undefined,
  positions: readonly number[],
): Tensor {
  if (positions.length === 0) return stackedLinear(x, w_noi, b_no);
  const [networks, points] = isStacked(x, positions) ? [[x.shape[0]!], x.shape[1]!] : [[], x.shape[0]!];
  const rows = positions.reduce((n, size) => n * size, points);
  const y = stackedLinear(tf.reshape(x, [...networks, rows, x.shape.at(-1)!]), w_noi, b_no);
  return tf.reshape(y, [w_noi.shape[0]!, points, ...positions, w_noi.shape[1]!]);
}
