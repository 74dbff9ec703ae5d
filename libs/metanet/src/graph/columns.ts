/** @file In which column of its edge or node each value lies, so that networks of different kernels and cells agree. */
import type { EdgeKind, NodeParameter, PlaceAxis } from '@weightspace/parameter-graph';

import type { MetaBlock, MetaGraph, MetaGroup } from './meta-graph.ts';

/**
 * Columns of values for a set of graphs.
 *
 * On edges: the positions of the largest kernel, smaller ones and weights without a kernel at its centre; then those of
 * other places (gates, flattened positions). On nodes: each kind of parameter has columns of its own.
 *
 * Source: arXiv:2403.12143, section 3 (kernels padded to one size; a linear layer at the centre).
 */
export interface Columns {
  /** Sizes of the largest kernel; none where every edge has one value. */
  readonly kernel: readonly number[];
  readonly others: number;
  /** How many columns edges have, W. */
  readonly edges: number;
  /** Where the columns of each kind begin on nodes, and how many it has. */
  readonly kinds: readonly { readonly kind: EdgeKind; readonly start: number; readonly count: number }[];
  /** How many columns nodes have, M. */
  readonly nodes: number;
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const isKernel = (places: readonly PlaceAxis[]): boolean => places.every(({ kind }) => kind === 'kernel');

export function columnsOf(graphs: readonly MetaGraph[]): Columns {
  const folded = graphs.flatMap(({ blocks }) =>
    blocks.filter(({ block }) => block.width > 1).map(({ block }) => block),
  );
  const kernels = folded.filter(({ places }) => isKernel(places)).map(({ places }) => places.map(({ size }) => size));
  const rank = Math.max(0, ...kernels.map((sizes) => sizes.length));
  const kernel = Array.from({ length: rank }, (_, axis) =>
    Math.max(...kernels.map((sizes) => sizes[axis - rank + sizes.length] ?? 1)),
  );
  const others = Math.max(0, ...folded.filter(({ places }) => !isKernel(places)).map(({ width }) => width));
  const widths = new Map<EdgeKind, number>();
  for (const { group } of graphs.flatMap(({ groups }) => groups)) {
    for (const kind of new Set(group.parameters.map((parameter) => parameter.kind))) {
      const own = group.parameters.filter((parameter) => parameter.kind === kind);
      const width = own.reduce((sum, { view }) => sum + view.shape.places, 0);
      widths.set(kind, Math.max(width, widths.get(kind) ?? 0));
    }
  }
  let nodes = 0;
  const kinds = [...widths].map(([kind, count]) => {
    nodes += count;
    return { kind, start: nodes - count, count };
  });
  return { kernel, others, edges: product(kernel) + others, kinds, nodes };
}

/** The column of each value of an edge of the block. */
export function edgeColumns({ kernel, edges }: Columns, { block }: MetaBlock): Int32Array {
  const { width, places } = block;
  if (width > 1 && !isKernel(places)) return Int32Array.from({ length: width }, (_, i) => product(kernel) + i);
  if (edges === 1) return Int32Array.of(0);
  const own = width > 1 ? places.map(({ size }) => size) : [];
  const sizes = kernel.map((_, axis) => own[axis - kernel.length + own.length] ?? 1);
  const first = kernel.map((largest, axis) => Math.floor((largest - sizes[axis]!) / 2));
  return Int32Array.from({ length: product(sizes) }, (_, place) =>
    kernel.reduce((sum, largest, axis) => {
      const at = Math.floor(place / product(sizes.slice(axis + 1))) % sizes[axis]!;
      return sum * largest + first[axis]! + at;
    }, 0),
  );
}

/** The columns of each of a group's parameters. */
export function nodeColumns({ kinds }: Columns, { group }: MetaGroup): readonly Int32Array[] {
  const used = new Map<EdgeKind, number>();
  return group.parameters.map(({ kind, view }: NodeParameter) => {
    const before = used.get(kind) ?? 0;
    used.set(kind, before + view.shape.places);
    const { start } = kinds.find((own) => own.kind === kind)!;
    return Int32Array.from({ length: view.shape.places }, (_, i) => start + before + i);
  });
}
