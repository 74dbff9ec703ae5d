/** @file Second moments of rows and columns in place of those of every element. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/** Axes of a stacked parameter `[N, …shape]`. */
export interface FactoredAxes {
  /** The one of the two largest that rows are kept along. */
  readonly row: number;
  /** The largest; of equal ones the last. */
  readonly column: number;
}

/** The two largest axes of what a network's parameter has; none where it has fewer than two. */
export function factoredAxes(shape: readonly number[]): FactoredAxes | undefined {
  if (shape.length < 3) return undefined;
  const bySize = shape.map((_, axis) => axis).slice(1);
  bySize.sort((a, b) => shape[a]! - shape[b]! || a - b);
  return { row: bySize.at(-2)!, column: bySize.at(-1)! };
}

/** x² summed up as means over the other of the two axes; each keeps it with size 1. */
export const rowsAndColumns = (square: Tensor, { row, column }: FactoredAxes): { rows: Tensor; columns: Tensor } => ({
  rows: tf.mean(square, column, true),
  columns: tf.mean(square, row, true),
});
