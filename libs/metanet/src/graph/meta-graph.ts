/** @file The graph of an architecture as graph metanets see it: reversed edges, integer attributes, columns of values. */
import type { Architecture } from '@weightspace/architecture';
import { graphStructure, structureArrays } from '@weightspace/parameter-graph';
import type {
  BlockShape,
  GraphStructure,
  NodeOrder,
  StructureBlock,
  StructureGroup,
} from '@weightspace/parameter-graph';

import { edgeAttributes, nodeAttributes } from './attributes.ts';
import type { EdgeAttribute, NodeAttribute } from './attributes.ts';

export interface MetaGraphOptions {
  /** A registered style of parameter graphs. */
  readonly style: string;
  /** Whether heads, running statistics and what ties equal orders are in the graph. */
  readonly exact: boolean;
  /** Whether each edge is also there from its target to its source; attribute `direction` tells the two apart. */
  readonly reversed: boolean;
  /**
   * Whether edges in blocks have the sources' axis before the targets', as is best where most is done with targets: what
   * belongs to them then broadcasts over long runs of numbers.
   */
  readonly sourceFirst?: boolean;
}

export interface MetaGroup {
  /** The name of its part in `Features` of nodes. */
  readonly key: string;
  readonly group: StructureGroup;
  readonly size: number;
  /** One number, or one for each node; 0 where there is none. */
  readonly attributes: { readonly [name in NodeAttribute]: Int32Array };
}

export interface MetaBlock {
  /** The name of its part in `Features` of edges. */
  readonly key: string;
  readonly block: StructureBlock;
  readonly reversed: boolean;
  /** Numbers of groups. */
  readonly source: number;
  readonly target: number;
  /** As this block has it: in a reversed one, `target` and `source` have changed places. `places` is 1 where they lie on one edge. */
  readonly shape: BlockShape;
  /** Which axes of its edges its ends number. */
  readonly axes: { readonly target: 2 | 3; readonly source: 2 | 3 };
  readonly sourceOrder: NodeOrder | undefined;
  readonly targetOrder: NodeOrder | undefined;
  /** How many edges. */
  readonly size: number;
  /** One number, or one for each place. */
  readonly attributes: { readonly [name in EdgeAttribute]: Int32Array };
}

export interface MetaGraph {
  readonly architecture: Architecture;
  readonly structure: GraphStructure;
  readonly groups: readonly MetaGroup[];
  readonly blocks: readonly MetaBlock[];
  readonly nodeCount: number;
  /** With the reversed ones. */
  readonly edgeCount: number;
  /** Edges that lead to each node of a group, and that leave it: equal for all of its nodes. */
  readonly degrees: { readonly in: readonly number[]; readonly out: readonly number[] };
}

export function metaGraph(architecture: Architecture, options: MetaGraphOptions): MetaGraph {
  const { style, exact, reversed, sourceFirst } = options;
  const structure = graphStructure(architecture, { style, exact });
  const nodes = nodeAttributes(structure);
  const groups = structure.groups.map((group, i) => ({
    key: `${i} ${group.name}`,
    group,
    size: group.size,
    attributes: nodes[i]!,
  }));
  const directions = reversed ? [false, true] : [false];
  const axes = sourceFirst ? ({ target: 3, source: 2 } as const) : ({ target: 2, source: 3 } as const);
  const blocks = directions.flatMap((back) =>
    structure.blocks.map((block, i) => ({ ...metaBlock(structure, block, i, back), axes })),
  );
  const degree = (end: 'source' | 'target') =>
    groups.map((_, i) => blocks.reduce((sum, b) => sum + (b[end] === i ? degreeOf(b, end) : 0), 0));
  return {
    architecture,
    structure,
    groups,
    blocks,
    nodeCount: structure.nodeCount,
    edgeCount: structure.edgeCount * directions.length,
    degrees: { in: degree('target'), out: degree('source') },
  };
}

const degreeOf = ({ shape }: MetaBlock, end: 'source' | 'target'): number =>
  shape.places * (end === 'target' ? shape.source : shape.target);

function metaBlock(
  structure: GraphStructure,
  block: StructureBlock,
  index: number,
  reversed: boolean,
): Omit<MetaBlock, 'axes'> {
  const { shared, target, source, places } = block.shape;
  const parallel = places / block.width;
  const attributes = edgeAttributes(structure, block, reversed);
  const common = {
    key: `${index} ${block.name}${reversed ? ' ←' : ''}`,
    block,
    reversed,
    size: block.size,
    attributes,
  };
  return reversed
    ? {
        ...common,
        source: block.target,
        target: block.source,
        shape: { shared, target: source, source: target, places: parallel },
        sourceOrder: block.targetOrder,
        targetOrder: block.sourceOrder,
      }
    : { ...common, ...block, key: common.key, block, shape: { shared, target, source, places: parallel }, attributes };
}

/** Source and target of every edge, the reversed ones last, and the slots of the values of the others. */
export function metaGraphArrays({ structure, blocks }: MetaGraph) {
  const arrays = structureArrays(structure);
  if (!blocks.some(({ reversed }) => reversed)) return arrays;
  const { source, target, slots } = arrays;
  const joined = (a: Int32Array, b: Int32Array) => Int32Array.from([...a, ...b]);
  return { source: joined(source, target), target: joined(target, source), slots };
}
