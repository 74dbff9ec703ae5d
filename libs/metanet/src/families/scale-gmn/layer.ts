/** @file One layer of message passing in which every feature keeps its factor. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { combine, projectFeatures } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { dense, denseParameters, project } from '../../layers/dense.ts';
import { even, normalizeChannels } from './multipliers.ts';
import type { Multipliers } from './multipliers.ts';
import type { State } from './state.ts';

export interface LayerOptions {
  readonly width: number;
  /** Messages also go from targets to sources. */
  readonly back: boolean;
  /** Some group has phases. */
  readonly phases: boolean;
  /** Edges are updated; the last layer of a classifier needn't. */
  readonly edges: boolean;
  /** What comes back is updated; the last layer of an editor needn't. */
  readonly returns: boolean;
}

export function layerParameters(name: string, options: LayerOptions, stream: RandomStream): NdArrays {
  const { width: d, back, phases, edges } = options;
  const own = stream.split(name);
  const matrix = (part: string, rows = d): NdArrays => {
    const bound = 1 / Math.sqrt(rows);
    return { [`${name}.${part}`]: own.split(part).uniform([rows, d], -bound, bound) };
  };
  const full = (part: string, rows = d): NdArrays => denseParameters(`${name}.${part}`, rows, d, own);
  return {
    ...full('known'),
    ...matrix('source'),
    ...matrix('edge'),
    ...matrix('known.source'),
    ...matrix('known.target'),
    ...full('message.even'),
    ...full('message.gate'),
    ...full('node.even', 2 * d),
    ...full('node.gate'),
    ...matrix('node', 2 * d),
    ...(phases ? matrix('turn') : {}),
    ...(edges ? { ...matrix('edge.next'), ...full('edge.gate') } : {}),
    ...(back ? backParameters(matrix, full, options) : {}),
  };
}

const backParameters = (
  matrix: (part: string, rows?: number) => NdArrays,
  full: (part: string, rows?: number) => NdArrays,
  { width: d, phases, returns }: LayerOptions,
): NdArrays => ({
  ...matrix('back.source'),
  ...matrix('back.edge'),
  ...full('back.message.gate'),
  ...full('back.even', 2 * d),
  ...(returns ? { ...full('back.gate'), ...matrix('back', 2 * d) } : {}),
  ...(phases ? matrix('back.turn') : {}),
});

/**
 * Messages, an update of nodes, and one of edges; letters as in `multipliers.ts`.
 *
 *     p_ij = A x_j ⊙ B e_ij                        factor q_j · r_i / q_j = r_i
 *     g_ij = even(p_ij, U ν_i + V ν_j)             no factor; ν_i = even(x_i, known_i)
 *     m_i  = mean_j p_ij ⊙ G g_ij                  factor r_i; times cos φ_i, factor t_i, where there are phases: then q_i
 *     x_i += Γ [x_i, m_i] ⊙ gate(even([x_i, m_i]), …)
 *     e_ij += E e_ij ⊙ H g_ij
 *
 * and with `back` the same from targets to sources, on features with factor 1/q.
 *
 * Symmetry: equivariant to permutations, signs, positive scales and phases of hidden neurons.
 * Source: Kalogeropoulos et al. 2024, arXiv:2406.10685, sections 5.1–5.3 (ScaleEq, ReScaleEq, ScaleInv; bidirectional).
 * Departs: phases; messages gated in place of passed through ScaleEq of a concatenation; unscaled nodes are divided by
 *   their root mean square before each layer.
 */
export function scaleLayer(
  params: Tensors,
  name: string,
  ops: GraphOps,
  graph: MetaGraph,
  of: readonly Multipliers[],
  state: State,
  options: LayerOptions,
): State {
  const p = (part: string): Tensor => params[`${name}.${part}`]!;
  const byGroup = (f: (key: string, own: Multipliers) => Tensor): Features =>
    Object.fromEntries(graph.groups.map(({ key }, i) => [key, f(key, of[i]!)]));
  const settle = (x: Features): Features => byGroup((key, own) => (own.scale ? x[key]! : normalizeChannels(x[key]!)));
  const x = settle(state.x);
  const { e, t, known } = state;
  const invariant = byGroup((key, own) => even(params, `${name}.known`, x[key]!, known[key], own));
  const messages = combine(tf.mul, ops.toSource(projectFeatures(x, p('source'))), projectFeatures(e, p('edge')));
  const shifts = combine(
    tf.add,
    ops.toTarget(projectFeatures(invariant, p('known.target'))),
    ops.toSource(projectFeatures(invariant, p('known.source'))),
  );
  const gates = Object.fromEntries(
    graph.blocks.map(({ key, target }) => [
      key,
      even(params, `${name}.message.even`, messages[key]!, shifts[key], of[target]!),
    ]),
  );
  const gate = (part: string): Features => mapValues(gates, (g) => dense(params, `${name}.${part}`, g));
  const turned = (m: Features, part: string): Features =>
    mapValues(m, (value, key) => (t[key] ? tf.mul(value, project(t[key], p(part))) : value));
  const gathered = ops.aggregate(combine(tf.mul, messages, gate('message.gate')), 'mean');
  const ahead = turned(gathered, 'turn');
  const joined = combine((...parts) => concat(parts), x, ahead);
  const seen = byGroup((key, own) => even(params, `${name}.node.even`, joined[key]!, known[key], own));
  const nextEdges = options.edges
    ? combine(tf.add, e, combine(tf.mul, projectFeatures(e, p('edge.next')), gate('edge.gate')))
    : e;
  if (!options.back) return { ...state, x: update(params, `${name}.node`, x, joined, seen), e: nextEdges };
  const w = settle(state.w);
  const toRows = turned(w, 'back.turn');
  const returning = combine(
    tf.mul,
    ops.toTarget(projectFeatures(toRows, p('back.source'))),
    projectFeatures(e, p('back.edge')),
  );
  const returned = ops.aggregate(combine(tf.mul, returning, gate('back.message.gate')), 'mean', 'out');
  const joinedBack = combine((...parts) => concat(parts), w, returned);
  const seenBack = byGroup((key, own) => even(params, `${name}.back.even`, joinedBack[key]!, known[key], own));
  const both = combine(tf.add, seen, seenBack);
  return {
    ...state,
    x: update(params, `${name}.node`, x, joined, both),
    w: options.returns ? update(params, `${name}.back`, w, joinedBack, both) : w,
    e: nextEdges,
  };
}

/** x + [x, m] Γ ⊙ gate(seen). */
const update = (params: Tensors, name: string, x: Features, joined: Features, seen: Features): Features =>
  combine(
    (old, both, s) => tf.add(old, tf.mul(project(both, params[name]!), dense(params, `${name}.gate`, s))),
    x,
    joined,
    seen,
  );

/** Along channels; other axes are broadcast first where they differ. */
function concat(parts: readonly Tensor[]): Tensor {
  const rank = parts[0]!.rank;
  const sizes = Array.from({ length: rank - 1 }, (_, axis) => Math.max(...parts.map((x) => x.shape[axis]!)));
  const full = parts.map((x) => {
    const shape = [...sizes, x.shape.at(-1)!];
    return x.shape.join() === shape.join() ? x : (tf.add(x, tf.zeros([...sizes, 1])) as Tensor);
  });
  return tf.concat(full, rank - 1);
}
