/** @file Message passing on the neural graph. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import {
  addBias,
  blockOps,
  edgeUpdateParameters,
  normalize,
  pna,
  pnaParameters,
  silu,
  updatePnaEdges,
} from '@weightspace/metanet';
import type { LinearFeatures } from '@weightspace/metanet';

import { perNetwork } from '../optimizers/per-network.ts';
import type { ElementMapFamily, MapOptions } from './element-map.ts';
import { elementGraph, graphOutputParameters, graphOutputs, graphParameters, graphValues } from './graph-features.ts';

/** As many rounds of messages as an MLP has hidden layers, at least one. */
export const roundsOf = ({ hiddenLayers }: MapOptions): number => Math.max(1, hiddenLayers);

/** `<name>.gain`, 1, and `<name>.shift`, 0; `[D]`. */
export const nodeNormParameters = (name: string, width: number): NdArrays =>
  Object.fromEntries(
    [1, 0].map((value, i) => [
      `${name}.${['gain', 'shift'][i]!}`,
      { dtype: 'float32', shape: [width], data: new Float32Array(width).fill(value) },
    ]),
  );

/** Layer norm of each node by itself. @param x_nvd shape `[N, V, D]` */
export function nodeNorm(meta: Tensors, name: string, x_nvd: Tensor): Tensor {
  const gain = perNetwork(meta[`${name}.gain`]!, x_nvd.shape[0]!);
  return addBias(tf.mul(normalize(x_nvd, 'variance'), tf.expandDims(gain, 1)), meta[`${name}.shift`]!);
}

/**
 * NG-GNN on the true parameter graph: edges and nodes begin with the features of the parameters on them; rounds of principal
 * neighbourhood aggregation and of edge updates follow; linear maps of the last edges and nodes are the outputs.
 *
 * No layer, input or output has an embedding of its own, so that one set of meta-parameters serves networks of any depth and width.
 *
 * Symmetry: equivariant to permutations of the nodes of each kind.
 * Source: Kofinas et al. 2024, "Graph Neural Networks for Learning Equivariant Representations of Neural Networks",
 *   arXiv:2403.12143, section 3.2; as an optimizer, section 4.3. Departs: no embeddings of places among inputs, outputs and layers;
 *   features aren't Fourier-encoded; the mean log-degree is that of the graph at hand.
 */
export const ngGnnMap: ElementMapFamily = {
  kind: 'ng-gnn-lopt',
  source: 'Kofinas et al. 2024, arXiv:2403.12143, sections 3.2 and 4.3',
  settings: {},
  bound: 'kinds of parameters and the largest kernel must be the same; widths, depth and connections may differ',
  create: (architecture, options) => {
    const own = elementGraph(architecture, 'neural-graph');
    const rounds = Array.from({ length: roundsOf(options) }, (_, i) => `round${i + 1}`);
    const { width: D } = options;
    const roundParameters = (name: string, stream: RandomStream): NdArrays => ({
      ...pnaParameters(name, D, stream),
      ...nodeNormParameters(`${name}.norm`, D),
      ...edgeUpdateParameters(`${name}.edges`, D, stream),
    });
    return {
      initialize: (stream) => ({
        ...graphParameters(own, options, stream),
        ...(Object.assign({}, ...rounds.map((name) => roundParameters(name, stream))) as NdArrays),
        ...graphOutputParameters(own, options, stream),
      }),
      apply: (meta, x) => {
        const ops = blockOps(own.graph, own.columns, x.values);
        const first = graphValues(meta, own, x);
        let { nodes } = first;
        let edges: LinearFeatures = { of: first.edges };
        for (const name of rounds) {
          nodes = mapValues(pna(meta, name, ops, nodes, edges, tf.fill([1, 1], own.logDegree)), (value) =>
            silu(nodeNorm(meta, `${name}.norm`, value)),
          );
          edges = updatePnaEdges(meta, `${name}.edges`, ops, nodes, edges);
        }
        return graphOutputs(meta, own, { nodes, edges }, options);
      },
    };
  },
};
