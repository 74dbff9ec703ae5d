/** @file What GMN knows of each node and edge before any message is passed. */
import { ndarray, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { attributeSize, KNOWN_IDS } from '../../graph/attributes.ts';
import type { EdgeAttribute, NodeAttribute } from '../../graph/attributes.ts';
import { addFeatures, combine } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { denseParameters, project } from '../../layers/dense.ts';
import { fourierFrequencies } from '../../layers/encoding.ts';

export interface EncoderSettings {
  readonly width: number;
  /** How numbers are encoded: `sine` of a learned linear map, or `fourier` features. */
  readonly encoding: string;
  readonly frequencyScale: number;
  /** Whether activations, parts of layers, kinds of places and directions of edges are told apart too. */
  readonly details: boolean;
}

/** Numbers among the attributes; 0, which is none, is encoded as −1. */
const NODE_NUMBERS: readonly NodeAttribute[] = ['layer', 'index'];
const EDGE_NUMBERS: readonly EdgeAttribute[] = ['layer', 'place0', 'place1', 'place2'];
const NODE_DETAILS = { activation: KNOWN_IDS.activation } as const;
const EDGE_DETAILS = {
  part: KNOWN_IDS.part,
  placeKind: KNOWN_IDS.placeKind,
  direction: KNOWN_IDS.direction,
} as const;

type Counts = { readonly [attribute: string]: number };
/** How many ids each attribute has in the graphs that the model takes. */
export interface IdCounts {
  readonly nodes: Counts;
  readonly edges: Counts;
}

export function idCounts(graphs: readonly MetaGraph[]): IdCounts {
  const groups = graphs.flatMap((graph) => graph.groups);
  const blocks = graphs.flatMap((graph) => graph.blocks);
  const sizes = (parts: typeof groups | typeof blocks, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, attributeSize(parts, name)]));
  return { nodes: sizes(groups, NODE_NUMBERS), edges: sizes(blocks, EDGE_NUMBERS) } as IdCounts;
}

/** `<name>.weight` `[1, D]` and `.bias` `[D]` of sin(x · weight + bias), where encodings are sines. */
const numberParameters = (name: string, { width, encoding }: EncoderSettings, stream: RandomStream) =>
  encoding === 'sine' ? denseParameters(name, 1, width, stream) : {};

const table = (name: string, rows: number, width: number, stream: RandomStream) => ({
  [name]: stream.split(name).normal([rows, width], 0, 1),
});

export function encoderParameters(settings: EncoderSettings, stream: RandomStream): NdArrays {
  const { width, details } = settings;
  const number = (name: string) => numberParameters(name, settings, stream);
  const detailTables = (end: string, sizes: { readonly [name: string]: number }) =>
    details ? Object.entries(sizes).map(([name, rows]) => table(`${end}.${name}`, rows, width, stream)) : [];
  return Object.assign(
    {},
    ...NODE_NUMBERS.map((name) => number(`node.${name}`)),
    ...EDGE_NUMBERS.map((name) => number(`edge.${name}`)),
    number('edge.value'),
    table('node.kind', KNOWN_IDS.nodeKind, width, stream),
    table('edge.kind', KNOWN_IDS.edgeKind, width, stream),
    ...detailTables('node', NODE_DETAILS),
    ...detailTables('edge', EDGE_DETAILS),
    denseParameters('node.encode', (NODE_NUMBERS.length + 1) * width, width, stream),
    denseParameters('edge.encode', (EDGE_NUMBERS.length + 2) * width, width, stream),
  ) as NdArrays;
}

/** Frequencies of Fourier features, one set for each number. */
export function encoderFrequencies(
  { width, encoding, frequencyScale }: EncoderSettings,
  stream: RandomStream,
): NdArrays {
  if (encoding !== 'fourier') return {};
  const names = [
    ...NODE_NUMBERS.map((name) => `node.${name}`),
    ...EDGE_NUMBERS.map((name) => `edge.${name}`),
    'edge.value',
  ];
  const draw = (name: string): NdArray => fourierFrequencies(width / 2, frequencyScale, stream.split(name));
  return Object.fromEntries(names.map((name) => [`frequencies.${name}`, draw(name)]));
}

/** Numbers as phases are linear in them, so what multiplies a number is all that an executor needs. */
function encodeNumber(params: Tensors, fixed: Tensors, name: string, times: (weight_1d: Tensor) => Features): Features {
  const frequencies = fixed[`frequencies.${name}`];
  if (frequencies === undefined) {
    return combine((x) => tf.sin(tf.add(x, params[`${name}.bias`]!)), times(params[`${name}.weight`]!));
  }
  const phases = times(tf.mul(frequencies, 2 * Math.PI));
  return combine((x) => tf.concat([tf.sin(x), tf.cos(x)], x.rank - 1), phases);
}

/** Ids −1, 0, 1, … (none, first, second, …) encoded. @returns shape `[ids, D]` */
function encodeIds(params: Tensors, fixed: Tensors, name: string, count: number): Tensor {
  const ids = toTensor(
    ndarray(
      Float32Array.from({ length: count }, (_, i) => i - 1),
      [count, 1],
    ),
  );
  return encodeNumber(params, fixed, name, (weight) => ({ ids: project(ids, weight) }))['ids']!;
}

/**
 * Features of nodes and edges: each number by sines, each kind by a learned vector, all joined and mixed linearly.
 *
 *     x = Lin[sin Lin layer, sin Lin index, kind]        e = Lin[sin Lin value, sin Lin layer, sin Lin place (3), kind]
 *
 * The mixing matrix is applied to each table before its rows are taken, and to the values alone edge by edge.
 *
 * Letters: D channels.
 *
 * @returns features of D channels
 * Symmetry: equivariant.
 * Source: Lim et al. 2024, arXiv:2312.04501, section 3 and appendix C.
 * Departs: with `details`, vectors of activations, parts of layers (queries, keys, values, the mean part of an equivariant
 *   layer, …), kinds of places and directions of edges are added to those of kinds; the public code has none of them.
 */
export function encodeGraph(
  params: Tensors,
  fixed: Tensors,
  ops: GraphOps,
  settings: EncoderSettings,
  counts: IdCounts,
) {
  const { width } = settings;
  const mixing = (end: 'node' | 'edge', column: number): Tensor =>
    tf.slice(params[`${end}.encode.weight`]!, [column * width, 0], [width, width]);
  const ofIds = (end: 'node' | 'edge', name: string, column: number, count: number) =>
    project(encodeIds(params, fixed, `${end}.${name}`, count), mixing(end, column));
  const kinds = (end: 'node' | 'edge', column: number) =>
    tf.add(project(params[`${end}.kind`]!, mixing(end, column)), params[`${end}.encode.bias`]!);
  const detail = (end: 'node' | 'edge', name: string, column: number) =>
    project(params[`${end}.${name}`]!, mixing(end, column));
  const tables = (end: 'node' | 'edge', numbers: readonly string[], first: number, details: object) => ({
    kind: kinds(end, first + numbers.length),
    ...Object.fromEntries(numbers.map((name, i) => [name, ofIds(end, name, first + i, counts[`${end}s`][name]!)])),
    ...(settings.details
      ? Object.fromEntries(Object.keys(details).map((name) => [name, detail(end, name, first + numbers.length)]))
      : {}),
  });
  const scale = fixed['scale'];
  const value = encodeNumber(params, fixed, 'edge.value', (weight) => {
    const phases = ops.edgeValues(weight);
    return scale === undefined ? phases : combine((x, s) => tf.mul(x, s), phases, ops.embedEdges('kind', scale));
  });
  const known = ops.embedEdgesBy(tables('edge', EDGE_NUMBERS, 1, EDGE_DETAILS));
  return {
    nodes: ops.embedNodesBy(tables('node', NODE_NUMBERS, 0, NODE_DETAILS)),
    edges: addFeatures(
      combine((x) => project(x, mixing('edge', 0)), value),
      known,
    ),
  };
}
