import { sizeOf } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

import type { GraphNetwork } from './network.ts';
import { ParameterGraphError } from './parameter-graph-error.ts';
import { placeCoordinates } from './parameter-graph.ts';
import type { EdgeBlock, NodeGroup, ParameterGraph } from './parameter-graph.ts';
import type { BlockDraft, GroupDraft } from './plan/drafts.ts';
import { BlockEntries } from './plan/block-entries.ts';
import { isParameter, layOut, placeCount } from './plan/lay-out.ts';
import { planGraph } from './plan/plan-graph.ts';
import './styles/index.ts';
import { graphStyle } from './styles/style.ts';

export interface GraphOptions {
  /** A registered style; 'graph-metanetwork' unless said otherwise. */
  readonly style?: string;
  /**
   * True unless said otherwise: heads, what ties equal orders and running statistics are in the graph, so that its
   * automorphisms are the network's symmetries. False gives the sizes of the public code.
   */
  readonly exact?: boolean;
}

/**
 * The graph of one network's parameters.
 *
 * @param network an `Architecture`, or any network with labelled axes
 * @param params by name; shape `[…shape]`, float32
 * @throws {ParameterGraphError} when parameters don't fit, labels contradict each other, or there is no such style
 *
 * Symmetry: a permutation of neurons gives the same graph with its nodes in another order (`nodeOrder`).
 */
export function parameterGraph(network: GraphNetwork, params: NdArrays, options: GraphOptions = {}): ParameterGraph {
  const { style = 'graph-metanetwork', exact = true } = options;
  const offsets = checkParameters(network, params);
  const chosen = graphStyle(style);
  const plan = planGraph(network, chosen, exact);
  const layout = layOut(plan, chosen.foldsPlaces);
  const { nodeCount, edgeCount, valueCount, nodeValueCount } = layout;
  const graph = {
    network,
    style,
    exact,
    nodeCount,
    edgeCount,
    groups: layout.groups,
    blocks: layout.blocks,
    source: new Int32Array(edgeCount),
    target: new Int32Array(edgeCount),
    values: new Float32Array(valueCount),
    slots: new Int32Array(valueCount),
    places: new Int32Array(valueCount),
    nodeValues: new Float32Array(nodeValueCount),
    nodeSlots: new Int32Array(nodeValueCount),
  };
  layout.blocks.forEach((block, i) => fillBlock(graph, block, plan.blocks[i]!, params, offsets));
  layout.groups.forEach((group, i) => fillFeatures(graph, group, plan.groups[i]!, params, offsets));
  return graph;
}

/**
 * How large the graph of a network is; nothing is read or filled.
 *
 * @throws {ParameterGraphError} when labels contradict each other, or there is no such style
 */
export function graphSize(
  network: GraphNetwork,
  options: GraphOptions = {},
): { readonly nodes: number; readonly edges: number } {
  const { style = 'graph-metanetwork', exact = true } = options;
  const chosen = graphStyle(style);
  const { nodeCount, edgeCount } = layOut(planGraph(network, chosen, exact), chosen.foldsPlaces);
  return { nodes: nodeCount, edges: edgeCount };
}

/** @returns where each parameter begins when all stand one after the other */
function checkParameters({ parameters, name = 'the network' }: GraphNetwork, params: NdArrays): Map<string, number> {
  const offsets = new Map<string, number>();
  let offset = 0;
  for (const { name: parameter, shape } of parameters) {
    const array = Object.hasOwn(params, parameter) ? params[parameter] : undefined;
    const expected = `float32 of shape [${shape.join(', ')}]`;
    if (array === undefined) {
      throw new ParameterGraphError('parameterGraph', `params must have '${parameter}' (${name}), ${expected}`);
    }
    if (array.dtype !== 'float32' || array.shape.join() !== shape.join()) {
      const got = `${array.dtype} of shape [${array.shape.join(', ')}]`;
      throw new ParameterGraphError('parameterGraph', `params '${parameter}' must be ${expected}, got ${got}`);
    }
    offsets.set(parameter, offset);
    offset += sizeOf(shape);
  }
  if (offset >= 2 ** 31) {
    throw new ParameterGraphError('parameterGraph', `the network must have fewer than 2³¹ parameters, got ${offset}`);
  }
  return offsets;
}

type Arrays = Pick<
  ParameterGraph,
  'groups' | 'source' | 'target' | 'values' | 'slots' | 'places' | 'nodeValues' | 'nodeSlots'
>;

function fillBlock(
  graph: Arrays,
  block: EdgeBlock,
  draft: BlockDraft,
  params: NdArrays,
  offsets: ReadonlyMap<string, number>,
): void {
  const { start, size, width, valueStart } = block;
  const [source, target] = [graph.groups[block.source]!.start, graph.groups[block.target]!.start];
  if (!isParameter(draft.content)) {
    const { sources, targets } = draft.content;
    for (let i = 0; i < size; i++) {
      graph.source[start + i] = source + sources[i]!;
      graph.target[start + i] = target + targets[i]!;
    }
    graph.values.fill(1, valueStart, valueStart + size);
    graph.slots.fill(-1, valueStart, valueStart + size);
    return;
  }
  const entries = new BlockEntries(draft.content, draft.read ?? draft.content.source.factors);
  const { name } = draft.content.parameter;
  const from = bitsOf(params[name]!.data as Float32Array);
  const into = { ...graph, values: bitsOf(graph.values) };
  const at = { edge: start, value: valueStart, source, target, slot: offsets.get(name)! };
  if (width === 1) entries.fillEdges(into, from, at);
  else entries.fillFolded(into, from, at, width);
}

/** Copied as whole numbers, so that every NaN stays the one it was. */
const bitsOf = (data: Float32Array): Int32Array => new Int32Array(data.buffer, data.byteOffset, data.length);

function fillFeatures(
  graph: Arrays,
  { features, featureStart }: NodeGroup,
  draft: GroupDraft,
  params: NdArrays,
  offsets: ReadonlyMap<string, number>,
): void {
  const [into, slots] = [bitsOf(graph.nodeValues), graph.nodeSlots];
  let column = 0;
  for (const { block } of draft.features) {
    const { name } = block.parameter;
    const from = bitsOf(params[name]!.data as Float32Array);
    const slot = offsets.get(name)!;
    const first = featureStart + column;
    new BlockEntries(block, []).forEach((node, place, offset) => {
      const at = first + node * features.length + place;
      into[at] = from[offset]!;
      slots[at] = slot + offset;
    });
    column += placeCount(block);
  }
}

/** Coordinates of an edge's value by the names of its places, e.g. `{ 'conv1.k0': 2, 'conv1.k1': 0 }`. */
export const placeOf = ({ places }: EdgeBlock, place: number): { readonly [space: string]: number } =>
  Object.fromEntries(placeCoordinates(places, place).map((at, i) => [places[i]!.space, at]));
