import type { ParameterGraph } from './parameter-graph.ts';

/**
 * One row per edge, as the paper on neural graphs has it: the values of the edge, padded with zeros.
 *
 * @returns `[E, D]`, row-major, where D is the largest number of values on an edge
 * Departs: a smaller kernel fills the first columns; the paper centres it.
 */
export function edgeFeatures({ edgeCount, blocks, values }: ParameterGraph): {
  readonly width: number;
  readonly data: Float32Array;
} {
  const columns = blocks.reduce((most, { width }) => Math.max(most, width), 1);
  const data = new Float32Array(edgeCount * columns);
  for (const { start, size, width, valueStart } of blocks) {
    for (let e = 0; e < size; e++) {
      const row = valueStart + e * width;
      data.set(values.subarray(row, row + width), (start + e) * columns);
    }
  }
  return { width: columns, data };
}
