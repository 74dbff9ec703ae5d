/** @file Features of elements as those of the nodes and edges of the networks' parameter graph, and back. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, sizeOf, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import {
  addBias,
  attributeSize,
  columnsOf,
  edgeColumns,
  EDGE_ATTRIBUTES,
  KNOWN_IDS,
  metaGraph,
  nodeColumns,
  parametersOfBlocks,
  project,
  viewTensor,
} from '@weightspace/metanet';
import type { Columns, Features, LinearFeatures, MetaBlock, MetaGraph, MetaGroup } from '@weightspace/metanet';
import { projectLinear } from '@weightspace/metanet';

import { networksIn, perNetwork } from '../optimizers/per-network.ts';
import { biasAt, scaled } from './element-map.ts';
import type { ElementFeatures, MapOptions } from './element-map.ts';

export interface ElementGraph {
  readonly architecture: Architecture;
  readonly graph: MetaGraph;
  readonly columns: Columns;
  /** Mean of log(in-degree + 1) over the nodes. */
  readonly logDegree: number;
}

/** @param style of libs/parameter-graph */
export function elementGraph(architecture: Architecture, style: string): ElementGraph {
  const graph = metaGraph(architecture, { style, exact: true, reversed: true });
  const { groups, degrees, nodeCount } = graph;
  const sum = groups.reduce((total, { size }, i) => total + size * Math.log(degrees.in[i]! + 1), 0);
  return { architecture, graph, columns: columnsOf([graph]), logDegree: sum / nodeCount };
}

/** By their numbers of ids, which don't depend on the network. */
const EDGE_TABLES = { kind: KNOWN_IDS.edgeKind, part: KNOWN_IDS.part, direction: KNOWN_IDS.direction } as const;
const NODE_TABLES = { kind: KNOWN_IDS.nodeKind, activation: KNOWN_IDS.activation } as const;
const PLACES = EDGE_ATTRIBUTES.filter((name) => /^place\d/.test(name));

/** Deviation of embeddings at the start. */
const EMBEDDING = 0.5;

/**
 * `edges.<direction>` `[W · C, D]` and `nodes.<kind>` `[m · C, D]`: maps of values; `edges.time`, `nodes.time` `[11, D]`; rows of tables
 * `edges.table.<attribute>`, `nodes.table.<attribute>` `[ids, D]`, which stand for biases.
 */
export function graphParameters(
  { graph, columns }: ElementGraph,
  { inputs, width: D, timed }: MapOptions,
  stream: RandomStream,
): NdArrays {
  const draw = (name: string, shape: readonly number[], deviation: number) =>
    [name, stream.split(name).normal(shape, 0, deviation)] as const;
  const map = (name: string, rows: number) => draw(name, [rows, D], 1 / Math.sqrt(rows));
  const places = PLACES.map((name) => [name, attributeSize(graph.blocks, name)] as const).filter(([, ids]) => ids > 1);
  return Object.fromEntries([
    ...['forward', 'back'].map((direction) => map(`edges.${direction}`, columns.edges * inputs)),
    ...columns.kinds.map(({ kind, count }) => map(`nodes.${kind}`, count * inputs)),
    ...(timed ? [map('edges.time', 11), map('nodes.time', 11)] : []),
    ...[...Object.entries(EDGE_TABLES), ...places].map(([name, ids]) =>
      draw(`edges.table.${name}`, [ids, D], EMBEDDING),
    ),
    ...Object.entries(NODE_TABLES).map(([name, ids]) => draw(`nodes.table.${name}`, [ids, D], EMBEDDING)),
  ]);
}

export interface GraphValues {
  /** By group; shape `[N, n or 1, D]`. */
  readonly nodes: Features;
  /** By block; shape `[N, G, T, S, P, D]`, or 1 for axes along which all are equal. */
  readonly edges: Features;
}

/**
 * First features of nodes and edges: linear maps of the features of what lies on them, what is learned of their kinds, activations,
 * parts, directions and kernel places, and the time.
 */
export function graphValues(meta: Tensors, own: ElementGraph, x: ElementFeatures): GraphValues {
  const values = scaled(x);
  const count = networksIn(values);
  const tables = mapValues(meta, (table) => table);
  const timeOf = (end: string): Tensor | undefined => {
    const weight = tables[`${end}.time`];
    return weight && x.time ? biasAt(tf.zeros([count, weight.shape[2]!]), weight, x.time) : undefined;
  };
  const [edgeTime, nodeTime] = [timeOf('edges'), timeOf('nodes')];
  const edges = own.graph.blocks.map((block) => {
    const bias = rowsOf(tables, 'edges', block.attributes, count, edgeTime);
    const mapped = edgeValues(tables, own, block, values);
    const base: Tensor = tf.reshape(bias, [count, 1, 1, 1, bias.shape[1]!, bias.shape[2]!]);
    return [block.key, mapped ? tf.add(mapped, base) : base] as const;
  });
  const nodes = own.graph.groups.map((group) => {
    const bias = rowsOf(
      tables,
      'nodes',
      { kind: group.attributes.kind, activation: group.attributes.activation },
      count,
      nodeTime,
    );
    const mapped = nodeValues(tables, own, group, values);
    return [group.key, mapped ? tf.add(mapped, bias) : bias] as const;
  });
  return { nodes: Object.fromEntries(nodes), edges: Object.fromEntries(edges) };
}

/** Sum of the rows of all tables of one end. @returns shape `[N, 1 or places, D]` */
function rowsOf(
  tables: Tensors,
  end: 'edges' | 'nodes',
  attributes: { readonly [name: string]: Int32Array },
  count: number,
  time: Tensor | undefined,
): Tensor {
  const rows = Object.entries(attributes).flatMap(([name, ids]) => {
    const table = tables[`${end}.table.${name}`];
    return table ? [tf.gather(table, tf.tensor1d(ids, 'int32'), 1) as Tensor] : [];
  });
  const sum = perNetwork(
    rows.reduce((a, b) => tf.add(a, b)),
    count,
  );
  return time ? tf.add(sum, tf.expandDims(time, 1)) : sum;
}

/** Rows of a map that belong to some columns. @param weight shape `[M, columns · C, D]` @returns shape `[M, chosen · C, D]` */
function rowsFor(weight: Tensor, columns: number, chosen: readonly number[]): Tensor {
  if (chosen.length === columns && chosen.every((column, i) => column === i)) return weight;
  const [M, rows, D] = weight.shape as [number, number, number];
  const C = rows / columns;
  const taken = tf.gather(tf.reshape(weight, [M, columns, C * D]), tf.tensor1d(Int32Array.from(chosen), 'int32'), 1);
  return tf.reshape(taken, [M, chosen.length * C, D]);
}

/** @param x shape `[N, C, P]` @returns shape `[N · C, …shape]` */
function asParameter({ architecture }: ElementGraph, parameter: string, x: Tensor): Tensor {
  const { shape } = architecture.parameters.find(({ name }) => name === parameter)!;
  return tf.reshape(x, [x.shape[0]! * x.shape[1]!, ...shape]);
}

/** Channels last. @param stacked shape `[N · C, …]` @returns shape `[N, rest, C]` */
function channelsLast(stacked: Tensor, count: number): Tensor {
  const C = stacked.shape[0]! / count;
  return tf.transpose(tf.reshape(stacked, [count, C, stacked.size / (count * C)]), [0, 2, 1]);
}

function edgeValues(meta: Tensors, own: ElementGraph, block: MetaBlock, values: Tensors): Tensor | undefined {
  const { view, width } = block.block;
  if (view === undefined) return undefined;
  const x = values[view.parameter]!;
  const [N, C] = x.shape as [number, number];
  const { shared, target, source, places } = view.shape;
  const last = channelsLast(viewTensor(view, asParameter(own, view.parameter, x)), N);
  const stored: Tensor = tf.reshape(last, [N, shared, target, source, places / width, width * C]);
  const turned = block.reversed ? (tf.transpose(stored, [0, 1, 3, 2, 4, 5]) as Tensor) : stored;
  const weight = meta[`edges.${block.reversed ? 'back' : 'forward'}`]!;
  return project(turned, rowsFor(weight, own.columns.edges, [...edgeColumns(own.columns, block)]));
}

function nodeValues(meta: Tensors, own: ElementGraph, group: MetaGroup, values: Tensors): Tensor | undefined {
  const { parameters } = group.group;
  const ids = nodeColumns(own.columns, group);
  const mapped = parameters.map(({ kind, view }, i) => {
    const x = values[view.parameter]!;
    const [N, C] = x.shape as [number, number];
    const { start, count } = own.columns.kinds.find((known) => known.kind === kind)!;
    const last = channelsLast(viewTensor(view, asParameter(own, view.parameter, x)), N);
    const rows: Tensor = tf.reshape(last, [N, group.size, view.shape.places * C]);
    const chosen = [...ids[i]!].map((column) => column - start);
    return project(rows, rowsFor(meta[`nodes.${kind}`]!, count, chosen));
  });
  return mapped.length === 0 ? undefined : mapped.reduce((a, b) => tf.add(a, b));
}

/** `out.edges` `[D, W · K]`, `out.nodes` `[D, m · K]`, and their biases. */
export function graphOutputParameters(
  { columns }: ElementGraph,
  { width: D, outputs, zero }: MapOptions,
  stream: RandomStream,
): NdArrays {
  const map = (end: 'edges' | 'nodes') => {
    const size = columns[end] * outputs;
    if (size === 0) return [];
    const weight = stream.split(`out.${end}`).normal([D, size], 0, zero ? 0 : 1 / Math.sqrt(D));
    return [
      [`out.${end}.weight`, weight] as const,
      [`out.${end}.bias`, { dtype: 'float32', shape: [size], data: new Float32Array(size) } as const] as const,
    ];
  };
  return Object.fromEntries([...map('edges'), ...map('nodes')]);
}

/** What the last features of nodes and edges give, by parameter; shape `[N, K, P]`. */
export function graphOutputs(
  meta: Tensors,
  { architecture, graph, columns }: ElementGraph,
  x: { readonly nodes: Features; readonly edges: LinearFeatures },
  { outputs }: MapOptions,
): Tensors {
  const count = Object.values(x.nodes)[0]!.shape[0]!;
  const forward = graph.blocks
    .filter(({ reversed, block }) => !reversed && block.view !== undefined)
    .map(({ key }) => key);
  const of = Object.fromEntries(forward.map((key) => [key, x.edges.of[key]!]));
  const edges = projectLinear({ ...x.edges, of }, meta['out.edges.weight']!, meta['out.edges.bias']!);
  const weight = meta['out.nodes.weight'];
  const nodes = weight ? mapValues(x.nodes, (value) => addBias(project(value, weight), meta['out.nodes.bias']!)) : {};
  const channel = (features: Features, k: number): Features =>
    mapValues(features, (value) => {
      const size = value.shape.at(-1)! / outputs;
      return tf.slice(
        value,
        [...Array<number>(value.rank - 1).fill(0), k * size],
        [...value.shape.slice(0, -1), size],
      ) as Tensor;
    });
  const parts = Array.from({ length: outputs }, (_, k) =>
    parametersOfBlocks(graph, columns, count, channel(edges, k), channel(nodes, k)),
  );
  return Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => {
      const flat = parts.map((part): Tensor => tf.reshape(part[name]!, [count, 1, sizeOf(shape)]));
      return [name, flat.length === 1 ? flat[0]! : (tf.concat(flat, 1) as Tensor)];
    }),
  );
}
