/**
 * @file How nodes meet the edges of one block, as reshapes, broadcasts and reductions.
 *
 * Letters: B networks, N nodes of a group, G shared by both ends, T rest of the target, S rest of the source, P places,
 * C channels. Edges are `[B, G, T, S, P, C]`, or `[B, G, S, T, P, C]` in graphs with sources first; nodes are `[B, N, C]`; every
 * axis but the last may be 1 where all are equal.
 */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';
import type { NodeOrder } from '@weightspace/parameter-graph';

import type { MetaBlock } from './meta-graph.ts';

export type End = 'source' | 'target';

/** Axes of edges that one end doesn't number. */
const otherAxes = ({ axes }: MetaBlock, end: End): readonly number[] => [
  axes[end === 'target' ? 'source' : 'target'],
  4,
];

/** Sizes of the axes of a block's edges, `[batch, G, T, S, P, channels]`, or with S before T. */
export function edgeShape({ shape, axes }: MetaBlock, batch: number, channels: number): number[] {
  const { shared, target, source, places } = shape;
  return [batch, shared, ...(axes.target === 2 ? [target, source] : [source, target]), places, channels];
}

/** Features of nodes `[b, N or 1, C]` as features of the block's edges, `[b, G, T, 1, 1, C]` or `[b, G, 1, S, 1, C]`. */
export function toEdges(x_bnc: Tensor, block: MetaBlock, end: End): Tensor {
  const [b, n, c] = x_bnc.shape as [number, number, number];
  const { shape, axes, targetOrder, sourceOrder } = block;
  if (n === 1) return tf.reshape(x_bnc, [b, 1, 1, 1, 1, c]);
  const order = end === 'target' ? targetOrder : sourceOrder;
  const sorted = order === undefined ? x_bnc : reorder(x_bnc, order);
  const own = axes[end] === 2 ? [shape[end], 1] : [1, shape[end]];
  return tf.reshape(sorted, [b, shape.shared, ...own, 1, c]);
}

/** Nodes in the order in which they come along the block's axes. */
function reorder(x_bnc: Tensor, { sizes, order }: NodeOrder): Tensor {
  const [b, , c] = x_bnc.shape;
  const perm = [0, ...order.map((axis) => axis + 1), sizes.length + 1];
  return tf.reshape(tf.transpose(tf.reshape(x_bnc, [b!, ...sizes, c!]), perm), x_bnc.shape);
}

/** The inverse of `reorder`. */
function restore(x_bnc: Tensor, { sizes, order }: NodeOrder): Tensor {
  const [b, , c] = x_bnc.shape;
  const along = order.map((axis) => sizes[axis]!);
  const perm = [0, ...sizes.map((_, axis) => order.indexOf(axis) + 1), sizes.length + 1];
  return tf.reshape(tf.transpose(tf.reshape(x_bnc, [b!, ...along, c!]), perm), x_bnc.shape);
}

const REDUCE = { sum: tf.sum, max: tf.max, min: tf.min } as const;

/** Sum, maximum or minimum over the edges of each node of one end, `[b, N or 1, C]`. */
export function toNodes(e: Tensor, block: MetaBlock, end: End, how: 'sum' | 'max' | 'min'): Tensor {
  const axes = otherAxes(block, end).filter((axis) => e.shape[axis]! > 1);
  const reduced = axes.length === 0 ? e : REDUCE[how](e, axes, true);
  const missing = how === 'sum' ? repeats(e, block, otherAxes(block, end)) : 1;
  const scaled = missing === 1 ? reduced : tf.mul(reduced, missing);
  return nodesOf(scaled as Tensor, block, end);
}

/** How many edges each entry of `e` stands for along some axes. */
export function repeats(e: Tensor, block: MetaBlock, axes: readonly number[]): number {
  const full = edgeShape(block, 1, 1);
  return axes.reduce((n, axis) => n * (full[axis]! / e.shape[axis]!), 1);
}

/** From `[b, g, t, 1, 1, C]` or `[b, g, 1, s, 1, C]`. */
function nodesOf(e: Tensor, { shape, axes, targetOrder, sourceOrder }: MetaBlock, end: End): Tensor {
  const [b, c] = [e.shape[0]!, e.shape[5]!];
  const [g, own] = [e.shape[1]!, e.shape[axes[end]]!];
  if (g === 1 && own === 1) return tf.reshape(e, [b, 1, c]);
  const [G, N] = [shape.shared, shape[end]];
  const rows = tf.reshape(e, [b, g, own, c]);
  const full = g === G && own === N ? rows : tf.add(rows, tf.zeros([1, G, N, 1]));
  const nodes = tf.reshape(full, [b, G * N, c]);
  const order = end === 'target' ? targetOrder : sourceOrder;
  return order === undefined ? nodes : restore(nodes, order);
}
