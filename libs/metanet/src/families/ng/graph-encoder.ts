/** @file From parameters to features of the nodes and edges of their graph: what both neural-graph metanets begin with. */
import { activationsStacked } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { KNOWN_IDS, nodeKindIds } from '../../graph/attributes.ts';
import { addFeatures, combine, projectFeatures } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { constantParameter, dense, denseParameters, project } from '../../layers/dense.ts';
import { layerNorm } from '../../layers/probe-features.ts';
import { MetanetError } from '../../metanet.ts';
import type { GraphVocabulary } from './graph-vocabulary.ts';

export interface EncoderSettings {
  /** Gaussian frequencies; an edge or node has twice as many features of its values. */
  readonly frequencies: number;
  /** Their deviation, in periods per standard deviation of a layer's weights. */
  readonly frequencyScale: number;
  /** Whether an edge's features also hold the value of its reverse, and their sum. */
  readonly reversed: boolean;
  /** Whether nodes are told their activation. */
  readonly activations: boolean;
  /** Learned inputs on which every network is run; 0 for none. */
  readonly probes: number;
}

type Parameters = Record<string, NdArray<'float32'>>;

/** Channels of nodes and of edges. */
export interface Widths {
  readonly nodes: number;
  readonly edges: number;
}

export function encoderParameters(
  vocabulary: GraphVocabulary,
  { nodes, edges }: Widths,
  settings: EncoderSettings,
  stream: RandomStream,
): Parameters {
  const encoded = 2 * settings.frequencies;
  const table = (name: string, rows: number): Parameters =>
    rows === 0 ? {} : { [name]: stream.split(name).normal([rows, nodes]) };
  return {
    ...table('position.input', vocabulary.inputs),
    ...table('position.layer', vocabulary.layers),
    ...table('position.output', vocabulary.outputs),
    ...table('position.index', vocabulary.indices),
    ...(settings.activations ? table('activation', KNOWN_IDS.activation) : {}),
    ...denseParameters('weights.encode', encoded, edges, stream),
    ...denseParameters('weights.project', edges, edges, stream),
    ...denseParameters('biases.encode', encoded, nodes, stream),
    ...denseParameters('biases.project', nodes, nodes, stream),
  };
}

/** Drawn once: frequencies of edges' and of nodes' values. */
export function encoderFrequencies(
  { columns }: GraphVocabulary,
  { frequencies, frequencyScale, reversed }: EncoderSettings,
  stream: RandomStream,
): NdArrays {
  const edges = columns.edges * (reversed ? 3 : 1);
  return {
    'frequencies.edge': stream.split('edge').normal([edges, frequencies], 0, frequencyScale),
    'frequencies.node': stream.split('node').normal([Math.max(1, columns.nodes), frequencies], 0, frequencyScale),
  };
}

/** A table with 1 in the rows `ids` and 0 elsewhere. @returns shape `[rows, 1]` */
const flags = (rows: number, ids: readonly number[]): Tensor =>
  tf.tensor2d(
    Array.from({ length: rows }, (_, id) => Number(ids.includes(id))),
    [rows, 1],
  );

const eye = (size: number): Tensor =>
  tf.tensor2d(
    Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0)),
    [size, size],
  );

/** `[cos x, sin x] · weight + bias` without joining the two. */
function fourierProject(phase: Features, weight_md: Tensor, bias_d: Tensor): Features {
  const half = weight_md.shape[0]! / 2;
  const [ofCos, ofSin] = tf.split(weight_md, [half, half], 0) as [Tensor, Tensor];
  return combine((x) => {
    // The second product is added to the first, and that to the bias, within the products.
    const ofSines = projectRows(tf.sin(x), ofSin);
    const all = tf.add(projectRows(tf.cos(x), ofCos), tf.add(ofSines, bias_d));
    return tf.reshape(all, [...x.shape.slice(0, -1), bias_d.shape[0]!]);
  }, phase);
}

/** @returns a matrix with a row for each vector of x */
const projectRows = (x: Tensor, weight: Tensor): Tensor => tf.matMul(tf.reshape(x, [-1, weight.shape[0]!]), weight);

/** Two linear maps after each other are one: only the small matrices are multiplied. */
function edgeMap(params: Tensors): { readonly weight: Tensor; readonly bias: Tensor } {
  const [first, second] = [params['weights.encode.weight']!, params['weights.project.weight']!];
  const bias = tf.matMul(tf.reshape(params['weights.encode.bias']!, [1, -1]), second);
  return {
    weight: tf.matMul(first, second),
    bias: tf.add(tf.reshape(bias, [-1]), params['weights.project.bias']!),
  };
}

/**
 * Features of the edges.
 *
 *     e = ([cos 2πf·z, sin 2πf·z] · W + b) · W' + b',  z = (w − mean) / deviation of all weights of its layer
 *
 * With reversed edges z is [w, 0, w] forwards and [0, w, w] backwards: an edge's own value, that of its reverse, their sum.
 *
 * @returns features of D channels
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 2 and appendix C.
 * Departs: nothing.
 */
export function encodeEdges(
  params: Tensors,
  fixed: Tensors,
  ops: GraphOps,
  { columns }: GraphVocabulary,
  { reversed }: EncoderSettings,
): Features {
  const values = ops.edgeValues(eye(columns.edges));
  const z = normalized(values, fixed, 'edge', (table) => ops.embedEdges('layer', table));
  const { weight, bias } = edgeMap(params);
  return fourierProject(edgePhase(z, fixed, ops, reversed), weight, bias);
}

/** 2πf·z; where a whole block has one direction and edges have one value, z times a row, without a product. */
function edgePhase(z: Features, fixed: Tensors, ops: GraphOps, reversed: boolean): Features {
  const frequencies: Tensor = tf.mul(fixed['frequencies.edge']!, 2 * Math.PI);
  if (!reversed) return projectFeatures(z, frequencies);
  const [forwards, backwards] = [1, 2].map((id) => ops.embedEdges('direction', flags(KNOWN_IDS.direction, [id])));
  const thirds = tf.split(frequencies, 3, 0) as [Tensor, Tensor, Tensor];
  return combine(
    (x, forward, back) => {
      const both = tf.add(forward, back) as Tensor;
      if (forward.size === 1 && x.shape.at(-1) === 1) {
        const rows = [forward, back, both].map((flag, i) => tf.mul(thirds[i]!, tf.reshape(flag, [1, 1])) as Tensor);
        const row = rows.reduce((a, b) => tf.add(a, b));
        return tf.mul(x, tf.reshape(row, [-1]));
      }
      const joined = tf.concat([tf.mul(x, forward), tf.mul(x, back), tf.mul(x, both)], x.rank - 1);
      return project(joined, frequencies);
    },
    z,
    forwards!,
    backwards!,
  );
}

/** What a pair of nodes has that no edge joins: the features of the value 0. @returns shape `[D]` */
export function encodeNoEdge(params: Tensors): Tensor {
  const { weight, bias } = edgeMap(params);
  const half = weight.shape[0]! / 2;
  return tf.add(tf.sum(tf.slice(weight, [0, 0], [half, weight.shape[1]!]), 0), bias);
}

const normalized = (values: Features, fixed: Tensors, what: string, at: (table: Tensor) => Features): Features =>
  combine(
    (x, mean, deviation) => tf.div(tf.sub(x, mean), deviation),
    values,
    at(fixed[`${what}.mean`]!),
    at(fixed[`${what}.deviation`]!),
  );

/**
 * Features of the nodes: of their biases, of what they do on probes, of where they are, and of their activation.
 *
 * Positions: one vector for each input and each output neuron, and one that all neurons of a hidden layer share.
 *
 * @param probed from `probeNodes`, as many channels
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 2 and appendix C.
 * Departs: nothing.
 */
export function encodeNodes(
  params: Tensors,
  fixed: Tensors,
  ops: GraphOps,
  vocabulary: GraphVocabulary,
  probed?: Features,
): Features {
  const values = ops.nodeValues(eye(Math.max(1, vocabulary.columns.nodes)));
  const z = normalized(values, fixed, 'node', (table) => ops.embedNodes('layer', table));
  const phase = projectFeatures(z, tf.mul(fixed['frequencies.node']!, 2 * Math.PI));
  const own = fourierProject(phase, params['biases.encode.weight']!, params['biases.encode.bias']!);
  const all = probed ? combine((x, p) => tf.add(x, p), own, probed) : own;
  const projected = combine((x) => dense(params, 'biases.project', x), all);
  const activation = params['activation'];
  return addFeatures(
    projected,
    ...positions(params, ops, vocabulary),
    ...(activation ? [ops.embedNodes('activation', activation)] : []),
  );
}

/** Each table where it applies, and zeros at other nodes. */
function positions(params: Tensors, ops: GraphOps, { largest }: GraphVocabulary): Features[] {
  const kinds = KNOWN_IDS.nodeKind;
  const [input, output] = [nodeKindIds(['input']), nodeKindIds(['output'])];
  const others = Array.from({ length: kinds }, (_, id) => id).filter((id) => ![...input, ...output].includes(id));
  const masked = (name: string, attribute: 'index' | 'layer', before: number, ids: readonly number[]): Features[] => {
    const table = params[`position.${name}`];
    if (!table) return [];
    const [rows, width] = table.shape as [number, number];
    const after = largest[attribute] + 1 - before - rows;
    const padded = tf.concat([tf.zeros([before, width]), table, tf.zeros([Math.max(0, after), width])], 0);
    const here = ops.embedNodes('kind', flags(kinds, ids));
    return [combine((x, mask) => tf.mul(x, mask), ops.embedNodes(attribute, padded), here)];
  };
  return [
    ...masked('input', 'index', 1, input),
    ...masked('output', 'index', 1, output),
    ...masked('index', 'index', 1, others),
    ...masked('layer', 'layer', 2, others),
  ];
}

/** Groups of neurons and the values of the network that they hold; probing needs them. */
const probedGroups = ({ groups, architecture }: MetaGraph): (readonly [string, string])[] =>
  groups.flatMap(({ key, group: { factors } }) => {
    const value = factors.length === 1 ? architecture.values.find(({ space }) => space === factors[0]) : undefined;
    return value ? [[key, value.name] as const] : [];
  });

/** @throws {MetanetError} where networks don't take single vectors, or several layers share their neurons */
export function probeNodeParameters(
  kind: string,
  graph: MetaGraph,
  probes: number,
  channels: number,
  stream: RandomStream,
): Parameters {
  const { inputs } = graph.architecture.spec;
  const spatial = [...inputs, ...graph.architecture.values].some((value) => (value.positions ?? []).length > 0);
  const names = probedGroups(graph).map(([, name]) => name);
  if (inputs.length > 1 || spatial || inputs[0]!.indices !== undefined || new Set(names).size < graph.groups.length)
    throw new MetanetError(kind, 'probes are run through chains of layers on single vectors only; set probes to 0');
  return Object.assign(
    { probes: stream.split('probes').uniform([probes, inputs[0]!.size], -1, 1) },
    ...names.map((name) => ({
      ...denseParameters(`probe.${name}`, probes, channels, stream),
      [`probe.${name}.gain`]: constantParameter(1, [channels]),
      [`probe.${name}.shift`]: constantParameter(0, [channels]),
    })),
  ) as Parameters;
}

/**
 * What each neuron does on P learned inputs, inputs included.
 *
 *     feature[n] = LayerNorm(activations[n] · weight + bias)
 *
 * @param weights by parameter; shape `[B, …shape]`
 * @returns by group
 * Symmetry: equivariant to permutations of hidden neurons.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 2.1 (probe features). Departs: nothing.
 */
export function probeNodes(params: Tensors, graph: MetaGraph, weights: Tensors): Features {
  const activations = activationsStacked(graph.architecture, weights, params['probes']!);
  const batch = Object.values(weights)[0]!.shape[0]!;
  return Object.fromEntries(
    probedGroups(graph).map(([key, name]) => {
      const value = activations[name]!;
      const full = value.rank === 3 ? value : tf.tile(tf.expandDims(value, 0), [batch, 1, 1]);
      const projected = dense(params, `probe.${name}`, tf.transpose(full, [0, 2, 1]));
      return [key, layerNorm(projected, params[`probe.${name}.gain`]!, params[`probe.${name}.shift`]!)];
    }),
  );
}
