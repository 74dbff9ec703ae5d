/** @file What the edge lists of all networks of one architecture have in common. */
import { sizeOf } from '@weightspace/compute';
import { viewOffsets } from '@weightspace/parameter-graph';

import { EDGE_ATTRIBUTES, NODE_ATTRIBUTES } from './attributes.ts';
import type { EdgeAttribute, NodeAttribute } from './attributes.ts';
import { edgeColumns, nodeColumns } from './columns.ts';
import type { Columns } from './columns.ts';
import { metaGraphArrays } from './meta-graph.ts';
import type { MetaGraph } from './meta-graph.ts';

/** Values that a row of features gets: from `slot` of all parameters in a row, in `column` of row `row`. */
export interface Fill {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly slots: Int32Array;
}

/** Edges are sorted by target, so that those of a node are one run. */
export interface EdgeTemplate {
  readonly graph: MetaGraph;
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** The edge's number in the order of blocks. */
  readonly order: Int32Array;
  /** −1 in `slots`: the value 1 of a connection. Reversed edges are the second half. */
  readonly edgeFill: Fill;
  readonly nodeFill: Fill;
  readonly edgeAttributes: { readonly [name in EdgeAttribute]: Int32Array };
  readonly nodeAttributes: { readonly [name in NodeAttribute]: Int32Array };
  readonly inDegrees: Int32Array;
  readonly outDegrees: Int32Array;
  /** Nodes of the outputs, in order. */
  readonly outputs: Int32Array;
  /** Numbers of node kinds are in `nodeAttributes`; parameters are these, one after the other. */
  readonly parameters: readonly string[];
}

export function edgeTemplate(graph: MetaGraph, columns: Columns): EdgeTemplate {
  const { nodeCount, edgeCount, architecture, groups } = graph;
  const arrays = metaGraphArrays(graph);
  const inDegrees = countOf(arrays.target, nodeCount);
  const order = sortedBy(arrays.target, inDegrees);
  const taken = (values: Int32Array) => order.map((edge) => values[edge]!);
  const place = new Int32Array(edgeCount);
  order.forEach((edge, i) => (place[edge] = i));
  return {
    graph,
    nodeCount,
    edgeCount,
    source: taken(arrays.source),
    target: taken(arrays.target),
    order,
    edgeFill: edgeFill(graph, columns, arrays.slots, place),
    nodeFill: nodeFill(graph, columns),
    edgeAttributes: record(EDGE_ATTRIBUTES, (name) => taken(edgeIds(graph, name))),
    nodeAttributes: record(NODE_ATTRIBUTES, (name) => nodeIds(graph, name)),
    inDegrees,
    outDegrees: countOf(arrays.source, nodeCount),
    outputs: Int32Array.from(
      groups.flatMap(({ group: { kind, start, size } }) =>
        kind === 'output' ? Array.from({ length: size }, (_, i) => start + i) : [],
      ),
    ),
    parameters: architecture.parameters.map(({ name }) => name),
  };
}

const record = <K extends string>(names: readonly K[], of: (name: K) => Int32Array) =>
  Object.fromEntries(names.map((name) => [name, of(name)])) as { readonly [name in K]: Int32Array };

function countOf(ends: Int32Array, nodes: number): Int32Array {
  const counts = new Int32Array(nodes);
  for (const node of ends) counts[node]!++;
  return counts;
}

/** Numbers of edges by their targets; those of one node stay in order. */
function sortedBy(target: Int32Array, counts: Int32Array): Int32Array {
  const next = new Int32Array(counts.length);
  for (let v = 1; v < counts.length; v++) next[v] = next[v - 1]! + counts[v - 1]!;
  const order = new Int32Array(target.length);
  target.forEach((node, edge) => (order[next[node]!++] = edge));
  return order;
}

function edgeFill({ blocks }: MetaGraph, columns: Columns, slots: Int32Array, place: Int32Array): Fill {
  const count = blocks.reduce((sum, { size, block }) => sum + size * block.width, 0);
  const fill = { rows: new Int32Array(count), columns: new Int32Array(count), slots: new Int32Array(count) };
  let [edge, at] = [0, 0];
  for (const own of blocks) {
    const { width, valueStart } = own.block;
    const column = edgeColumns(columns, own);
    for (let i = 0; i < own.size; i++, edge++) {
      for (let w = 0; w < width; w++, at++) {
        fill.rows[at] = place[edge]!;
        fill.columns[at] = column[w]!;
        fill.slots[at] = slots[valueStart + i * width + w]!;
      }
    }
  }
  return fill;
}

function nodeFill({ groups, architecture }: MetaGraph, columns: Columns): Fill {
  const shapes = new Map(architecture.parameters.map(({ name, shape }) => [name, shape]));
  const first = new Map<string, number>();
  architecture.parameters.reduce((sum, { name, shape }) => {
    first.set(name, sum);
    return sum + sizeOf(shape);
  }, 0);
  const [rows, cols, slots]: number[][] = [[], [], []];
  for (const own of groups) {
    const ids = nodeColumns(columns, own);
    own.group.parameters.forEach(({ view }, p) => {
      const { places } = view.shape;
      viewOffsets(view, shapes.get(view.parameter)!).forEach((offset, i) => {
        rows!.push(own.group.start + Math.floor(i / places));
        cols!.push(ids[p]![i % places]!);
        slots!.push(first.get(view.parameter)! + offset);
      });
    });
  }
  return { rows: Int32Array.from(rows!), columns: Int32Array.from(cols!), slots: Int32Array.from(slots!) };
}

function nodeIds({ groups, nodeCount }: MetaGraph, name: NodeAttribute): Int32Array {
  const ids = new Int32Array(nodeCount);
  for (const { group, size, attributes } of groups) {
    const own = attributes[name];
    for (let i = 0; i < size; i++) ids[group.start + i] = own[own.length === 1 ? 0 : i]!;
  }
  return ids;
}

/** Places are the fastest axis of a block's edges. */
function edgeIds({ blocks, edgeCount }: MetaGraph, name: EdgeAttribute): Int32Array {
  const ids = new Int32Array(edgeCount);
  let edge = 0;
  for (const { size, attributes } of blocks) {
    const own = attributes[name];
    for (let i = 0; i < size; i++, edge++) ids[edge] = own[i % own.length]!;
  }
  return ids;
}
