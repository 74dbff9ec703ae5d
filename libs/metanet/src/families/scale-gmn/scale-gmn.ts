/** @file Graph metanets that keep every exact symmetry of neurons: order, sign, positive scale, phase. */
import { countDrawn, mapValues, tf, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import type { Architecture } from '@weightspace/architecture';

import { blockOps } from '../../graph/block-ops.ts';
import { columnsOf } from '../../graph/columns.ts';
import type { Columns } from '../../graph/columns.ts';
import { metaGraph } from '../../graph/meta-graph.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { parametersOfBlocks } from '../../graph/write-back.ts';
import { constantParameter, denseParameters, project } from '../../layers/dense.ts';
import { measureScales } from '../../layers/encoding.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet } from '../../metanet.ts';
import type { MetanetKind } from '../../registry.ts';
import { layerParameters, scaleLayer } from './layer.ts';
import type { LayerOptions } from './layer.ts';
import { even, multipliersOf } from './multipliers.ts';
import type { Multipliers } from './multipliers.ts';
import { PHASE_PARAMETERS, startState, stateParameters } from './state.ts';
import type { State } from './state.ts';

export const scaleGmnSettings = {
  /** Channels of nodes and edges. */
  width: 32,
  layers: 3,
  /** Whether phases of sines are a symmetry too; otherwise biases are read as they are. */
  phases: true,
  /** Widths of the head's hidden layers. */
  head: [128] as readonly number[],
  dropout: 0.1,
};
export type ScaleGmnSettings = typeof scaleGmnSettings;

const common = {
  family: 'ScaleGMN',
  symmetry:
    'invariant to every exact symmetry of hidden neurons: permutations, signs of odd activations, phases of sines, positive scales of ReLU',
  inputs: ['MLPs, SIRENs, CNNs and residual networks'],
  takes: ['mlp', 'cnn', 'residual'],
  settings: scaleGmnSettings,
} as const;

export const scaleGmn: MetanetKind<ScaleGmnSettings> = {
  ...common,
  kind: 'scale-gmn',
  source: 'Kalogeropoulos et al. 2024, arXiv:2406.10685, section 5',
  create: (architecture, outputs, settings) => create('scale-gmn', architecture, outputs, settings, false),
  edit: (architecture, settings) => edit('scale-gmn', architecture, settings, false),
};

export const scaleGmnB: MetanetKind<ScaleGmnSettings> = {
  ...common,
  kind: 'scale-gmn-b',
  source: 'Kalogeropoulos et al. 2024, arXiv:2406.10685, section 5.3 (bidirectional)',
  create: (architecture, outputs, settings) => create('scale-gmn-b', architecture, outputs, settings, true),
  edit: (architecture, settings) => edit('scale-gmn-b', architecture, settings, true),
};

/** The layers, which classifiers and editors share. */
interface Body {
  readonly graph: MetaGraph;
  readonly columns: Columns;
  readonly of: readonly Multipliers[];
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: (weights: NdArrays) => NdArrays;
  readonly apply: (params: Tensors, fixed: Tensors, weights: Tensors) => State;
}

function bodyOf(
  kind: string,
  architecture: Architecture,
  settings: ScaleGmnSettings,
  back: boolean,
  edits: boolean,
): Body {
  const { width, layers } = settings;
  check(kind, settings);
  refuse(kind, architecture);
  const graph = metaGraph(architecture, { style: 'neural-graph', exact: true, reversed: false });
  const columns = columnsOf([graph]);
  const of = multipliersOf(kind, graph, settings.phases);
  const phases = of.some(({ phase }) => phase !== undefined);
  const optionsOf = (i: number): LayerOptions => ({
    width,
    back,
    phases,
    edges: edits || i < layers - 1,
    returns: !edits || i < layers - 1,
  });
  const names = Array.from({ length: layers }, (_, i) => `layer${i + 1}`);
  return {
    graph,
    columns,
    of,
    initialize: (stream) => {
      const start = stateParameters(graph, columns, width, stream.split('start'));
      const unused = new Set([...(phases ? [] : PHASE_PARAMETERS), ...(back ? [] : ['back', 'sine.back'])]);
      return Object.assign(
        Object.fromEntries(Object.entries(start).filter(([name]) => !unused.has(name))),
        ...names.map((name, i) => layerParameters(name, optionsOf(i), stream)),
      ) as NdArrays;
    },
    measure: (weights) => withPrefix('scale.', measureScales(weights)),
    apply: (params, fixed, weights) => {
      const scaled = mapValues(weights, (w, name) => tf.div(w, fixed[`scale.${name}`]!) as Tensor);
      // Phases are those of the biases as they are.
      const ops = blockOps(graph, columns, scaled);
      const state = startState(params, ops, graph, columns, of, fixed, back);
      return names.reduce((s, name, i) => scaleLayer(params, name, ops, graph, of, s, optionsOf(i)), state);
    },
  };
}

function create(
  kind: string,
  architecture: Architecture,
  outputs: number,
  settings: ScaleGmnSettings,
  back: boolean,
): Metanet {
  const body = bodyOf(kind, architecture, settings, back, false);
  const { graph, of } = body;
  const { width } = settings;
  const rows = graph.groups.map(({ group, size }) => (group.free || group.factors.length === 0 ? 1 : size));
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...denseParameters('read', width, width, stream),
    ...(back ? denseParameters('read.back', width, width, stream) : {}),
    ...headParameters(width * rows.reduce((a, b) => a + b, 0), outputs, settings, stream),
  });
  return {
    kind,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
    apply: (params, fixed, weights, noise) => {
      const { x, w, known } = body.apply(params, fixed, weights);
      const batch = Object.values(weights)[0]!.shape[0]!;
      const parts = graph.groups.map(({ key }, i) => {
        const ahead = even(params, 'read', x[key]!, known[key], of[i]!);
        const both = back ? tf.add(ahead, even(params, 'read.back', w[key]!, known[key], of[i]!)) : ahead;
        const pooled = rows[i] === 1 && both.shape[1]! > 1 ? tf.mean(both, 1) : both;
        const all = pooled.shape[0] === batch ? pooled : tf.add(pooled, tf.zeros([batch, ...pooled.shape.slice(1)]));
        return tf.reshape(all, [batch, -1]) as Tensor;
      });
      return applyHead(params, tf.concat(parts, 1), settings, noise);
    },
  };
}

/** Start of the learned scale of all changes, as other editors have it. */
const EDIT_SCALE = 0.01;

function edit(kind: string, architecture: Architecture, settings: ScaleGmnSettings, back: boolean): Editor {
  const body = bodyOf(kind, architecture, settings, back, true);
  const { graph, columns, of } = body;
  const { width } = settings;
  const phases = of.some(({ phase }) => phase !== undefined);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    'edit.edge': stream.split('edit.edge').normal([width, columns.edges], 0, 1 / Math.sqrt(width)),
    'edit.node': stream.split('edit.node').normal([width, Math.max(1, columns.nodes)], 0, 1 / Math.sqrt(width)),
    ...(phases ? { 'edit.turn': stream.split('edit.turn').normal([width, width], 0, 1 / Math.sqrt(width)) } : {}),
    'edit.scale': constantParameter(EDIT_SCALE, [2]),
  });
  return {
    kind,
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: () => ({}),
    apply: (params, fixed, weights) => {
      const { x, t, e } = body.apply(params, fixed, weights);
      const [ofEdges, ofNodes] = tf.split(params['edit.scale']!, 2) as [Tensor, Tensor];
      const edges = mapValues(e, (value) => tf.mul(project(value, params['edit.edge']!), ofEdges) as Tensor);
      // A bias has the factor r: that of x but for the phase.
      const nodes = mapValues(x, (value, key) => {
        const own = t[key] ? tf.mul(value, project(t[key], params['edit.turn']!)) : value;
        return tf.mul(project(own, params['edit.node']!), ofNodes) as Tensor;
      });
      return parametersOfBlocks(graph, columns, Object.values(weights)[0]!.shape[0]!, edges, nodes);
    },
  };
}

function check(kind: string, { width, layers, dropout }: ScaleGmnSettings): void {
  const whole = (value: number) => Number.isInteger(value) && value >= 1;
  if (!whole(width)) throw new MetanetError(kind, `width must be a whole number above 0, got ${width}`);
  if (!whole(layers)) throw new MetanetError(kind, `layers must be a whole number above 0, got ${layers}`);
  if (!(dropout >= 0 && dropout < 1)) throw new MetanetError(kind, `dropout must be in [0, 1), got ${dropout}`);
}

/** Heads and gates have symmetries that single neurons' factors don't describe. */
function refuse(kind: string, { spaces, parameters, composites }: Architecture): void {
  const within = spaces.find((space) => space.within !== undefined);
  const gated = spaces.find((space) => space.kind === 'gate');
  const joined = composites.find(({ segments }) => segments.length > 1);
  const twice = parameters.find(({ axes }) => new Set(axes).size < axes.length);
  const found = within?.name ?? gated?.name ?? joined?.name ?? twice?.name;
  if (found !== undefined)
    throw new MetanetError(
      kind,
      `takes feed-forward networks of single neurons, got '${found}'; 'gmn' and 'unf' take any`,
    );
}
