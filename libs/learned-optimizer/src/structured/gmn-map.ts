/** @file Message passing on the full parameter graph. */
import { mapValues } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { blockOps, gmnBlock, gmnBlockParameters, normalize } from '@weightspace/metanet';

import type { ElementMapFamily } from './element-map.ts';
import { elementGraph, graphOutputParameters, graphOutputs, graphParameters, graphValues } from './graph-features.ts';

/**
 * A graph metanetwork: every parameter is an edge, biases are edges from nodes of their own, places of a kernel are parallel edges;
 * residual blocks update edges by their ends and nodes by their edges. A linear map of the last edges is the output.
 *
 * A block passes messages one way, so that there are at least two: what nodes gather in one, edges hear in the next.
 *
 * Symmetry: equivariant to permutations of the nodes of each kind.
 * Source: Lim et al. 2024, "Graph Metanetworks for Processing Diverse Neural Architectures", arXiv:2312.04501, section 3. Departs: no
 *   numbers of layers and no encoding of values as sines; not published as an optimizer.
 */
export const gmnMap: ElementMapFamily = {
  kind: 'gmn-lopt',
  source: 'Lim et al. 2024, arXiv:2312.04501, section 3',
  settings: {},
  bound: 'the largest kernel must be the same; all else may differ',
  create: (architecture, options) => {
    const own = elementGraph(architecture, 'graph-metanetwork');
    const settings = { width: options.width, layer: 'messages', heads: 1, dropout: 0 };
    const blocks = Array.from({ length: Math.max(2, options.hiddenLayers) }, (_, i) => `block${i + 1}`);
    const isLast = (name: string) => name === blocks.at(-1);
    return {
      initialize: (stream) => ({
        ...graphParameters(own, options, stream),
        ...(Object.assign(
          {},
          ...blocks.map((name) => gmnBlockParameters(name, settings, isLast(name), stream)),
        ) as NdArrays),
        ...graphOutputParameters(own, options, stream),
      }),
      apply: (meta, x) => {
        const ops = blockOps(own.graph, own.columns, x.values);
        const first = graphValues(meta, own, x);
        const { nodes, edges } = blocks.reduce(
          (given, name) => gmnBlock(meta, name, ops, given, settings, isLast(name)),
          first,
        );
        const last = mapValues(edges, (value) => normalize(value, 'variance'));
        return graphOutputs(meta, own, { nodes, edges: { of: last } }, options);
      },
    };
  },
};
