/** @file What nodes and edges start as: features that get the factors of what they stand for. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Columns } from '../../graph/columns.ts';
import type { Features } from '../../graph/features.ts';
import { addFeatures } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { constantParameter } from '../../layers/dense.ts';
import { KNOWN_IDS } from '../../graph/attributes.ts';
import type { Multipliers } from './multipliers.ts';

/** Features by group or block; letters as in `multipliers.ts`. */
export interface State {
  /** Nodes: factor q. */
  readonly x: Features;
  /** Nodes: factor 1/q; what comes back from the output, if anything does. */
  readonly w: Features;
  /** Nodes: factor t; only of groups that have phases. */
  readonly t: Features;
  /** Nodes: no factor; what is known of a group or, where the order is fixed, of a node. */
  readonly known: Features;
  /** Edges: factor r of the target over q of the source. */
  readonly e: Features;
}

const largestId = (graph: MetaGraph, attribute: 'layer' | 'index'): number =>
  Math.max(...graph.groups.flatMap(({ attributes }) => Array.from(attributes[attribute]))) + 1;

export function stateParameters(graph: MetaGraph, columns: Columns, width: number, stream: RandomStream): NdArrays {
  const table = (name: string, ids: number): [string, NdArray] => [
    name,
    stream.split(name).normal([ids, width], 0, 0.5),
  ];
  const row = (name: string, rows: number): [string, NdArray] => [
    name,
    stream.split(name).normal([rows, width], 0, 1 / Math.sqrt(rows)),
  ];
  return Object.fromEntries([
    table('known.kind', KNOWN_IDS.nodeKind),
    table('known.activation', KNOWN_IDS.activation),
    table('known.layer', largestId(graph, 'layer')),
    table('known.index', largestId(graph, 'index')),
    row('node', columns.nodes),
    row('back', columns.nodes),
    row('edge', columns.edges),
    ['edge.layer', constantParameter(1, [largestId(graph, 'layer'), width])],
    row('sine', 1),
    row('cosine', 1),
    row('sine.back', 1),
  ]);
}

/** Names of parameters that only networks with phases use. */
export const PHASE_PARAMETERS = ['sine', 'cosine', 'sine.back'];

export function startState(
  params: Tensors,
  ops: GraphOps,
  graph: MetaGraph,
  columns: Columns,
  of: readonly Multipliers[],
  fixed: Tensors,
  withBack: boolean,
): State {
  const known = addFeatures(
    ops.embedNodes('kind', params['known.kind']!),
    ops.embedNodes('activation', params['known.activation']!),
    ops.embedNodes('layer', params['known.layer']!),
    ops.embedNodes('index', params['known.index']!),
  );
  const ahead = ops.nodeValues(params['node']!);
  const back = withBack ? ops.nodeValues(params['back']!) : {};
  const raw = columns.nodes === 0 ? {} : ops.nodeValues(tf.eye(columns.nodes));
  const bias = columns.kinds.find(({ kind }) => kind === 'bias')?.start;
  const phases = new Map(
    graph.groups.flatMap(({ key, group }, i) => {
      const { phase } = of[i]!;
      if (phase === undefined || bias === undefined) return [];
      const values = raw[key]!;
      const own: Tensor = tf.slice(values, [0, 0, bias], [-1, -1, 1]);
      const { parameter } = group.parameters.find(({ kind }) => kind === 'bias')!.view;
      // In the units in which the network has it.
      const angle = tf.mul(own, tf.mul(fixed[`scale.${parameter}`]!, Math.PI / phase));
      return [[key, angle as Tensor] as const];
    }),
  );
  const start = (i: number, linear: Features, sine: string): Tensor => {
    const { key } = graph.groups[i]!;
    const angle = phases.get(key);
    if (angle) return tf.mul(tf.sin(angle), params[sine]!);
    const { sign, scale } = of[i]!;
    return sign || scale ? linear[key]! : tf.add(linear[key]!, known[key]!);
  };
  const nodes = (f: (i: number) => Tensor): Features =>
    Object.fromEntries(graph.groups.map(({ key }, i) => [key, f(i)]));
  return {
    x: nodes((i) => start(i, ahead, 'sine')),
    // A bias has the factor c, not 1/c; nothing that a scaled neuron knows by itself has.
    w: withBack
      ? nodes((i) => (of[i]!.scale ? tf.zeros([1, 1, params['back']!.shape[1]!]) : start(i, back, 'sine.back')))
      : {},
    t: Object.fromEntries([...phases].map(([key, angle]) => [key, tf.mul(tf.cos(angle), params['cosine']!) as Tensor])),
    known,
    e: multiply(ops.edgeValues(params['edge']!), ops.embedEdges('layer', params['edge.layer']!)),
  };
}

const multiply = (a: Features, b: Features): Features => mapValues(a, (x, name) => tf.mul(x, b[name]!));
