/** @file A graph without its values: how each block of edges lies in a parameter, and how it meets its nodes. */
import { sizeOf } from '@weightspace/compute';

import type { GraphOptions } from './build-graph.ts';
import type { GraphNetwork } from './network.ts';
import type { EdgeBlock, EdgeKind, NodeGroup, PlaceAxis } from './parameter-graph.ts';
import { isParameter, layOut } from './plan/lay-out.ts';
import type { BlockDraft, GroupDraft } from './plan/drafts.ts';
import { placeAxes } from './plan/parameter-blocks.ts';
import type { Factor, ParameterBlock } from './plan/parameter-blocks.ts';
import { planGraph } from './plan/plan-graph.ts';
import './styles/index.ts';
import { graphStyle } from './styles/style.ts';

/**
 * What a block of edges is numbered by, row-major: what both ends share (an edge leads from a node to its counterpart),
 * the rest of the target, the rest of the source, and places (parallel edges, or values on one edge where a style folds).
 */
export interface BlockShape {
  readonly shared: number;
  readonly target: number;
  readonly source: number;
  readonly places: number;
}

/** A part of a parameter as a block: slice by `ranges`, reshape to `sizes`, transpose by `order`, reshape to the block's shape. */
export interface TensorView {
  readonly parameter: string;
  /** Of each axis of the parameter. */
  readonly ranges: readonly { readonly start: number; readonly size: number }[];
  readonly sizes: readonly number[];
  /** Which of `sizes` comes where. */
  readonly order: readonly number[];
  readonly shape: BlockShape;
}

/**
 * How the nodes of a group become the block's end: reshape to `sizes`, transpose by `order`, and they are numbered by
 * what is shared and the rest. Absent where that changes nothing.
 */
export interface NodeOrder {
  readonly sizes: readonly number[];
  readonly order: readonly number[];
}

/** A parameter on the nodes of a group, `places` numbers on each. */
export interface NodeParameter {
  readonly kind: EdgeKind;
  readonly places: readonly PlaceAxis[];
  readonly view: TensorView;
}

export interface StructureGroup extends NodeGroup {
  readonly parameters: readonly NodeParameter[];
}

export interface StructureBlock extends EdgeBlock {
  readonly shape: BlockShape;
  /** Absent where the edges hold no parameter; their value is 1. */
  readonly view: TensorView | undefined;
  readonly sourceOrder: NodeOrder | undefined;
  readonly targetOrder: NodeOrder | undefined;
}

export interface GraphStructure {
  readonly network: GraphNetwork;
  readonly style: string;
  readonly exact: boolean;
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly groups: readonly StructureGroup[];
  readonly blocks: readonly StructureBlock[];
}

/**
 * The structure of `parameterGraph(network, …, options)`: no array is as long as a parameter.
 *
 * Every block is complete: it has an edge for each combination of what its two ends share, the rest of either end, and a
 * place. So message passing needs no indices of nodes: moving to edges is a broadcast, gathering at nodes a reduction.
 *
 * @throws {ParameterGraphError} when labels contradict each other, or there is no such style
 */
export function graphStructure(network: GraphNetwork, options: GraphOptions = {}): GraphStructure {
  const { style = 'graph-metanetwork', exact = true } = options;
  const chosen = graphStyle(style);
  const plan = planGraph(network, chosen, exact);
  const { groups, blocks, nodeCount, edgeCount } = layOut(plan, chosen.foldsPlaces);
  return {
    network,
    style,
    exact,
    nodeCount,
    edgeCount,
    groups: groups.map((group, i) => ({ ...group, parameters: nodeParameters(plan.groups[i]!) })),
    blocks: blocks.map((block, i) => ({ ...block, ...endsOf(plan.blocks[i]!, plan.groups) })),
  };
}

const nodeParameters = ({ features }: GroupDraft): NodeParameter[] =>
  features.map(({ block, kind }) => ({
    kind,
    places: placeAxes(block.places),
    view: viewOf(block, [], block.target.factors, []),
  }));

type Ends = Pick<StructureBlock, 'shape' | 'view' | 'sourceOrder' | 'targetOrder'>;

function endsOf({ content, target, read }: BlockDraft, groups: readonly GroupDraft[]): Ends {
  if (!isParameter(content)) return connectionEnds(groups[target]!, content.shared);
  const [written, from] = [content.target.factors, read ?? content.source.factors];
  const shared = written.filter((factor) => from.includes(factor));
  const rest = (factors: readonly Factor[]) => factors.filter((factor) => !shared.includes(factor));
  const view = viewOf(content, shared, rest(written), rest(from));
  const order = (factors: readonly Factor[]) =>
    nodeOrderOf(
      factors.map(({ space }) => space.size),
      [...shared, ...rest(factors)].map((factor) => factors.indexOf(factor)),
    );
  return { shape: view.shape, view, sourceOrder: order(from), targetOrder: order(written) };
}

/** Each node is led to by one: its counterpart, or what some of its coordinates number. */
function connectionEnds({ factors, size }: GroupDraft, shared: readonly number[] | undefined): Ends {
  if (shared === undefined) {
    const shape = { shared: size, target: 1, source: 1, places: 1 };
    return { shape, view: undefined, sourceOrder: undefined, targetOrder: undefined };
  }
  const sizes = factors.map((space) => space.size);
  const rest = sizes.flatMap((_, i) => (shared.includes(i) ? [] : [i]));
  const of = (positions: readonly number[]) => sizeOf(positions.map((i) => sizes[i]!));
  const shape = { shared: of(shared), target: of(rest), source: 1, places: 1 };
  return { shape, view: undefined, sourceOrder: undefined, targetOrder: nodeOrderOf(sizes, [...shared, ...rest]) };
}

function viewOf(
  { parameter, ranges, places }: ParameterBlock,
  shared: readonly Factor[],
  target: readonly Factor[],
  source: readonly Factor[],
): TensorView {
  const wanted = [...shared, ...target, ...source, ...places];
  const stored = wanted.toSorted((a, b) => a.axis - b.axis || b.stride - a.stride);
  const product = (factors: readonly Factor[]) => sizeOf(factors.map(({ space }) => space.size));
  return {
    parameter: parameter.name,
    ranges,
    sizes: stored.map(({ space }) => space.size),
    order: wanted.map((factor) => stored.indexOf(factor)),
    shape: { shared: product(shared), target: product(target), source: product(source), places: product(places) },
  };
}

/** Undefined where axes longer than 1 stay in their order. */
function nodeOrderOf(sizes: readonly number[], order: readonly number[]): NodeOrder | undefined {
  const long = order.filter((i) => sizes[i]! > 1);
  return long.every((at, i) => i === 0 || long[i - 1]! < at) ? undefined : { sizes, order };
}
