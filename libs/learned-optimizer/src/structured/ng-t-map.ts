/** @file Relational attention along the edges of the neural graph. */
import { mapValues, ndarray, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { blockOps, combine, dense, denseParameters, addFeatures, gelu, projectFeatures } from '@weightspace/metanet';
import type { Features, GraphOps } from '@weightspace/metanet';

import { LearnedOptimizerError } from '../kinds.ts';
import type { ElementMapFamily } from './element-map.ts';
import { elementGraph, graphOutputParameters, graphOutputs, graphParameters, graphValues } from './graph-features.ts';
import type { GraphValues } from './graph-features.ts';
import { nodeNorm, nodeNormParameters, roundsOf } from './ng-gnn-map.ts';

const settings = { heads: 4 };

/** Maps of nodes and of edges that attention is made of, without biases; `[D, D]`. */
const ATTENTION = ['q', 'k', 'v', 'edges.q', 'edges.k', 'edges.v', 'edges.modulation'] as const;

export const sparseRoundParameters = (name: string, D: number, stream: RandomStream): NdArrays => ({
  ...Object.fromEntries(
    ATTENTION.map((part) => [`${name}.${part}`, stream.split(`${name}.${part}`).normal([D, D], 0, 1 / Math.sqrt(D))]),
  ),
  ...(Object.assign(
    {},
    ...['attended', 'hidden', 'out', 'source', 'target', 'edge', 'edge.out'].map((part) =>
      denseParameters(`${name}.${part}`, D, D, stream),
    ),
    ...['norm1', 'norm2'].map((norm) => nodeNormParameters(`${name}.${norm}`, D)),
  ) as NdArrays),
});

/** 1 where a channel belongs to a head; shape `[D, H]`. */
const headsOf = (D: number, heads: number): Tensor =>
  toTensor(
    ndarray(
      Array.from({ length: D * heads }, (_, i) =>
        Number(Math.floor(Math.floor(i / heads) / (D / heads)) === i % heads),
      ),
      [D, heads],
    ),
  );

/**
 * A round of attention along edges, and an update of the edges. In each head, for node i and every edge that leads from j to it:
 *
 *     q_ij = Q x_i + Q' e_ij,   k_ij = K x_j + K' e_ij,   v_ij = (V x_j) ⊙ (M e_ij) + V' e_ij
 *     y_i = Σ_j softmax_j(q_ij · k_ij / √D) v_ij
 *     x ← LN(x + Lin y),   x ← LN(x + Lin GELU Lin x),   e ← e + Lin GELU(Lin e + Lin x_source + Lin x_target)
 *
 * @param meta may be copies, `[M, …]`
 * Symmetry: equivariant to permutations of nodes.
 * Source: Diao and Loynd 2023, "Relational Attention", arXiv:2210.05062, eq. 4–8, with the modulation of Kofinas et al. 2024,
 *   arXiv:2403.12143, section 3.3. Departs: attends along edges, both ways, in place of between all pairs, so that its cost is linear in
 *   the parameters; edges have one update, without the edge the other way, and no norm, so that their scale reaches the output.
 */
export function sparseRound(
  meta: Tensors,
  name: string,
  ops: GraphOps,
  { nodes: x, edges: e }: GraphValues,
  heads: number,
): GraphValues {
  const ends = (part: string, at: (f: Features) => Features) => at(projectFeatures(x, meta[`${name}.${part}`]!));
  const ofEdges = (part: string) => projectFeatures(e, meta[`${name}.edges.${part}`]!);
  const D = Object.values(x)[0]!.shape.at(-1)!;
  const byHead = headsOf(D, heads);
  const queries = addFeatures(ends('q', ops.toTarget), ofEdges('q'));
  const keys = addFeatures(ends('k', ops.toSource), ofEdges('k'));
  const products = combine((q, k) => tf.mul(tf.mul(q, k), 1 / Math.sqrt(D)), queries, keys);
  const attention = projectFeatures(ops.softmax(projectFeatures(products, byHead)), tf.transpose(byHead));
  const weighed = combine(
    (a, v, m, own) => tf.mul(a, tf.add(tf.mul(v, m), own)),
    attention,
    ends('v', ops.toSource),
    ofEdges('modulation'),
    ofEdges('v'),
  );
  const attended = mapValues(ops.aggregate(weighed, 'sum'), (y) => dense(meta, `${name}.attended`, y));
  const once = combine((a, b) => nodeNorm(meta, `${name}.norm1`, tf.add(a, b)), x, attended);
  const nodes = mapValues(once, (y) => {
    const hidden = gelu(dense(meta, `${name}.hidden`, y));
    return nodeNorm(meta, `${name}.norm2`, tf.add(y, dense(meta, `${name}.out`, hidden)));
  });
  const hidden = addFeatures(
    mapValues(e, (own) => dense(meta, `${name}.edge`, own)),
    ops.toSource(mapValues(nodes, (own) => dense(meta, `${name}.source`, own))),
    ops.toTarget(mapValues(nodes, (own) => dense(meta, `${name}.target`, own))),
  );
  const edges = combine((own, h) => tf.add(own, dense(meta, `${name}.edge.out`, gelu(h))), e, hidden);
  return { nodes, edges };
}

/**
 * NG-T on the true parameter graph: as `ng-gnn-lopt`, with relational attention in place of aggregated messages.
 *
 * Symmetry: equivariant to permutations of the nodes of each kind.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, sections 3.3 and 4.3. Departs: as `sparseRound` and `ng-gnn-lopt` do.
 */
export const ngTMap: ElementMapFamily<typeof settings> = {
  kind: 'ng-t-lopt',
  source: 'Kofinas et al. 2024, arXiv:2403.12143, sections 3.3 and 4.3',
  settings,
  bound: 'kinds of parameters and the largest kernel must be the same; widths, depth and connections may differ',
  create: (architecture, options, { heads }) => {
    const { width: D } = options;
    if (!(Number.isSafeInteger(heads) && heads >= 1 && D % heads === 0)) {
      throw new LearnedOptimizerError('ng-t-lopt', `heads must be a divisor of width ${D}, got ${heads}`);
    }
    const own = elementGraph(architecture, 'neural-graph');
    const rounds = Array.from({ length: roundsOf(options) }, (_, i) => `round${i + 1}`);
    return {
      initialize: (stream) => ({
        ...graphParameters(own, options, stream),
        ...(Object.assign({}, ...rounds.map((name) => sparseRoundParameters(name, D, stream))) as NdArrays),
        ...graphOutputParameters(own, options, stream),
      }),
      apply: (meta, x) => {
        const ops = blockOps(own.graph, own.columns, x.values);
        const { nodes, edges } = rounds.reduce(
          (given, name) => sparseRound(meta, name, ops, given, heads),
          graphValues(meta, own, x),
        );
        return graphOutputs(meta, own, { nodes, edges: { of: edges } }, options);
      },
    };
  },
};
