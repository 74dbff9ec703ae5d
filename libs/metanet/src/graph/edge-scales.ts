/** @file How large the values of each kind of edge are. */
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { edgeKindId, KNOWN_IDS } from './attributes.ts';
import type { MetaGraph } from './meta-graph.ts';

/**
 * What values are multiplied by, by kind of edge: 1 / their root mean square over all networks; 1 for kinds without
 * parameters, and where all values are 0.
 *
 * @param networks weights of shape `[N, …shape]`
 * @returns shape `[kinds, 1]`, a table for `embedEdges('kind', …)`
 */
export function measureEdgeScales(
  networks: readonly { readonly graph: MetaGraph; readonly weights: NdArrays }[],
): NdArray {
  const sums = new Float64Array(KNOWN_IDS.edgeKind);
  const counts = new Float64Array(KNOWN_IDS.edgeKind);
  for (const { graph, weights } of networks) {
    const kinds = new Map(
      graph.blocks.flatMap(({ block }) =>
        block.parameter === undefined ? [] : [[block.parameter, block.kind] as const],
      ),
    );
    for (const [name, kind] of kinds) {
      const { data } = weights[name]!;
      const id = edgeKindId(kind);
      for (const value of data) sums[id]! += value * value;
      counts[id]! += data.length;
    }
  }
  const scales = Float32Array.from(sums, (sum, id) => (sum > 0 ? 1 / Math.sqrt(sum / counts[id]!) : 1));
  return ndarray(scales, [KNOWN_IDS.edgeKind, 1]);
}
