/** @file Where nodes stand: columns in the order of computation, what belongs to one column below one another. */
import type { NodeGroup, ParameterGraph } from '../parameter-graph.ts';
import { APART } from './theme.ts';

export interface PlacedGroup {
  readonly group: NodeGroup;
  readonly x: number;
  readonly top: number;
  readonly height: number;
  /** A bar stands for more nodes than can be told apart. */
  readonly shape: 'nodes' | 'bar' | 'apart';
  readonly radius: number;
  /** Neurons of one head, or of one group of channels, next to each other; 0 where there are none. */
  readonly blockSize: number;
}

export interface Layout {
  readonly groups: ReadonlyMap<number, PlacedGroup>;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly gap: number;
}

export interface LayoutOptions {
  /** Pixels between two columns. */
  readonly gap: number;
  /** Pixels that a group is at most high. */
  readonly tallest: number;
  /** A group with more nodes than this is a bar. */
  readonly mostNodes: number;
}

const STACK_GAP = 54;
const BLOCK_GAP = 9;
const MARGIN = 40;

/** Left edge at 0, the middle of all columns at height 0. */
export function layOutGraph({ groups, blocks, network }: ParameterGraph, options: LayoutOptions): Layout {
  const { gap } = options;
  const drawn = groups.map((group, index) => ({ group, index })).filter(({ group }) => group.kind !== 'head');
  const neurons = drawn.filter(({ group }) => !APART.includes(group.kind));
  const depths = [...new Set(neurons.map(({ group }) => group.depth))].sort((a, b) => a - b);
  const placed = new Map<number, PlacedGroup>();
  depths.forEach((depth, column) => {
    const own = neurons.filter(({ group }) => group.depth === depth);
    const shaped = own.map(({ group, index }) => ({ index, ...shapeOf(group, blockSizeOf(group, network), options) }));
    const total = shaped.reduce((sum, { height }) => sum + height, 0) + STACK_GAP * (shaped.length - 1);
    let top = -total / 2;
    for (const { index, ...shape } of shaped) {
      placed.set(index, { ...shape, x: MARGIN + column * gap, top });
      top += shape.height + STACK_GAP;
    }
  });
  placeApart(drawn, blocks, placed, gap);
  const all = [...placed.values()];
  return {
    groups: placed,
    left: Math.min(0, ...all.map(({ x }) => x - 30)),
    right: Math.max(...all.map(({ x }) => x)) + MARGIN,
    top: Math.min(...all.map(({ top }) => top)),
    bottom: Math.max(...all.map(({ top, height }) => top + height)),
    gap,
  };
}

function blockSizeOf({ factors, size }: NodeGroup, { spaces }: ParameterGraph['network']): number {
  if (factors.length < 2) return 0;
  const first = spaces.find(({ name }) => name === factors[0]);
  return first?.kind === 'head' || first?.kind === 'group' ? size / first.size : 0;
}

function shapeOf(
  group: NodeGroup,
  blockSize: number,
  { tallest, mostNodes }: LayoutOptions,
): Omit<PlacedGroup, 'x' | 'top'> {
  const gaps = blockSize > 0 ? (group.size / blockSize - 1) * BLOCK_GAP : 0;
  if (group.size > mostNodes) {
    const height = Math.min(tallest, 120 + 60 * Math.log2(group.size / mostNodes)) + Math.min(gaps, 60);
    return { group, height, shape: 'bar', radius: 5, blockSize };
  }
  const step = Math.min(22, tallest / group.size);
  return { group, height: step * group.size + gaps, shape: 'nodes', radius: Math.min(6.5, step * 0.4), blockSize };
}

/** Height of the middle of a node. */
export function nodeY({ group, top, height, blockSize, shape }: PlacedGroup, index: number): number {
  if (shape === 'apart') return top;
  const blocks = blockSize > 0 ? group.size / blockSize : 1;
  const gaps = blockSize > 0 ? Math.min(BLOCK_GAP * (blocks - 1), shape === 'bar' ? 60 : Infinity) : 0;
  const step = (height - gaps) / group.size;
  const before = blockSize > 0 && blocks > 1 ? Math.floor(index / blockSize) * (gaps / (blocks - 1)) : 0;
  return top + before + step * (index + 0.5);
}

/** Bias and norm nodes: in a row above the neurons that they lead to, on the side from which these are read. */
function placeApart(
  drawn: readonly { readonly group: NodeGroup; readonly index: number }[],
  blocks: ParameterGraph['blocks'],
  placed: Map<number, PlacedGroup>,
  gap: number,
): void {
  const count = new Map<number, number>();
  for (const { group, index } of drawn) {
    if (!APART.includes(group.kind)) continue;
    const target = blocks.find(({ source }) => source === index)?.target;
    const at = target === undefined ? undefined : placed.get(target);
    const before = count.get(target ?? -1) ?? 0;
    count.set(target ?? -1, before + 1);
    const step = Math.min(15, (gap * 0.5) / 5);
    const label = at === undefined ? 0 : Math.max(26, Math.min(at.group.name.length * 3.4, gap / 2 - 12) + 9);
    const [x, top] = at === undefined ? [0, 0] : [at.x - label - before * step, at.top - 27];
    placed.set(index, { group, x, top, height: 0, shape: 'apart', radius: 4.5, blockSize: 0 });
  }
}
