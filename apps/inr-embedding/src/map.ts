/** @file Embeddings as points on a map. */
import { UMAP } from 'umap-js';

import type { NdArray, RandomStream } from '@weightspace/compute';

/**
 * Two coordinates for each row, such that near rows lie near each other.
 *
 * @param x shape `[N, D]`; N of 4 or more
 * @param stream equal streams give equal maps
 * Source: McInnes et al. 2018, "UMAP", arXiv:1802.03426; umap-js.
 */
export function mapOf({ data, shape }: NdArray, stream: RandomStream): readonly (readonly [number, number])[] {
  const [rows, columns] = shape as [number, number];
  const points = Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * columns, (r + 1) * columns)));
  const umap = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(15, rows - 1),
    minDist: 0.1,
    random: () => stream.next(),
  });
  return umap.fit(points).map(([a, b]) => [a!, b!] as const);
}
