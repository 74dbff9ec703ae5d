import { MultiDirectedGraph } from 'graphology';

import { placeOf } from './build-graph.ts';
import { Labels } from './network.ts';
import { nodeCoordinates, placeCoordinates, STRUCTURAL } from './parameter-graph.ts';
import type { EdgeBlock, NodeGroup, ParameterGraph } from './parameter-graph.ts';
import { ParameterGraphError } from './parameter-graph-error.ts';

/** Attributes are flat, so that every file format takes them. */
export interface NodeAttributes {
  readonly label: string;
  readonly kind: string;
  /** Name of the group. */
  readonly group: string;
  /** Column in the order of computation. */
  readonly depth: number;
  readonly layer?: string;
  readonly activation: string;
  /** Number within the group. */
  readonly index: number;
  /** Which head it belongs to. */
  readonly head?: number;
  /** Parameters on the node, e.g. `bias`; with its places where there are several. */
  readonly [parameter: string]: string | number | boolean | undefined;
}

export interface EdgeAttributes {
  readonly value: number;
  readonly kind: string;
  /** Whether it is a parameter, and not a connection of value 1. */
  readonly trainable: boolean;
  readonly parameter?: string;
  readonly layer?: string;
  /** Which part of a fused parameter, e.g. 0 for queries. */
  readonly segment?: string;
  /** Flat index within the parameter. */
  readonly index?: number;
  /** E.g. `1,2` in a kernel; `gate` 3. */
  readonly [place: string]: string | number | boolean | undefined;
}

export type GraphologyGraph = MultiDirectedGraph<NodeAttributes, EdgeAttributes>;

/** Above this, use the arrays. */
export const GRAPHOLOGY_LIMIT = 2_000_000;

/**
 * The same graph for people and for tools that look at graphs.
 *
 * A value of an edge with several (a kernel in the style 'neural-graph') is an edge of its own here: one per parameter.
 * @throws {ParameterGraphError} when it has more than `GRAPHOLOGY_LIMIT` edges
 */
export function toGraphology(graph: ParameterGraph): GraphologyGraph {
  if (graph.values.length > GRAPHOLOGY_LIMIT) {
    const message = `the graph must have at most ${GRAPHOLOGY_LIMIT} edges, got ${graph.values.length}; use its arrays`;
    throw new ParameterGraphError('toGraphology', message);
  }
  const result: GraphologyGraph = new MultiDirectedGraph<NodeAttributes, EdgeAttributes>();
  const { network, style } = graph;
  if (network.name !== undefined) result.setAttribute('name', network.name);
  result.setAttribute('style', style);
  const offsets = parameterOffsets(graph);
  for (const group of graph.groups) addNodes(result, graph, group);
  for (const block of graph.blocks) addEdges(result, graph, block, offsets);
  return result;
}

function parameterOffsets({ network }: ParameterGraph): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>();
  let offset = 0;
  for (const { name, shape } of network.parameters) {
    offsets.set(name, offset);
    offset += shape.reduce((product, size) => product * size, 1);
  }
  return offsets;
}

function addNodes(result: GraphologyGraph, graph: ParameterGraph, group: NodeGroup): void {
  const { name, kind, start, size, depth, layer, factors, activation, features, featureStart } = group;
  const labels = new Labels(graph.network);
  const spaces = factors.map((factor) => labels.space(factor));
  const head = spaces.findIndex((space) => space.kind === 'head');
  for (let i = 0; i < size; i++) {
    const at = nodeCoordinates(
      spaces.map((space) => space.size),
      i,
    );
    const values = features.map(({ kind: feature, parameter, places, place }, column) => {
      const suffix = places.length === 0 ? '' : `[${placeCoordinates(places, place).join(',')}]`;
      const unique = features.filter((other) => other.kind === feature && other.place === place).length === 1;
      const key = `${unique ? feature : parameter}${suffix}`;
      return [key, graph.nodeValues[featureStart + i * features.length + column]!] as const;
    });
    result.addNode(String(start + i), {
      label: size === 1 && factors.length === 0 ? name : `${name}[${at.join(',')}]`,
      kind,
      group: name,
      depth,
      ...(layer !== undefined && { layer }),
      activation: activation.kind,
      index: i,
      ...(head >= 0 && { head: at[head]! }),
      ...Object.fromEntries(values),
    });
  }
}

function addEdges(
  result: GraphologyGraph,
  graph: ParameterGraph,
  block: EdgeBlock,
  offsets: ReadonlyMap<string, number>,
): void {
  const { kind, parameter, layer, segments, start, size, width, valueStart } = block;
  const fixed = {
    kind,
    trainable: !STRUCTURAL.has(kind),
    ...(parameter !== undefined && { parameter }),
    ...(layer !== undefined && { layer }),
    ...(segments.length > 0 && { segment: segments.join(',') }),
  };
  const placed = placeAttributes(block);
  for (let value = valueStart; value < valueStart + size * width; value++) {
    const edge = start + Math.floor((value - valueStart) / width);
    const [source, target] = [String(graph.source[edge]!), String(graph.target[edge]!)];
    const index = parameter === undefined ? {} : { index: graph.slots[value]! - offsets.get(parameter)! };
    const attributes = { value: graph.values[value]!, ...fixed, ...index, ...placed(graph.places[value]!) };
    result.addDirectedEdgeWithKey(String(value), source, target, attributes);
  }
}

/** By the kind of place, e.g. `kernel: '1,2'`; one attribute for each kind, whatever the spaces are called. */
function placeAttributes(block: EdgeBlock): (place: number) => { readonly [kind: string]: string } {
  if (block.places.length === 0) return () => ({});
  return (place) => {
    const at = placeOf(block, place);
    const result: { [kind: string]: string } = {};
    for (const { space, kind } of block.places) {
      result[kind] = result[kind] === undefined ? String(at[space]) : `${result[kind]},${at[space]}`;
    }
    return result;
  };
}
