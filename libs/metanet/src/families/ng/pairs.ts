/** @file Features of edges as features of all pairs of nodes, and back. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Features } from '../../graph/features.ts';
import { metaGraphArrays } from '../../graph/meta-graph.ts';
import type { MetaBlock, MetaGraph } from '../../graph/meta-graph.ts';

/** A pair that has no edge in a plane. */
export const NO_EDGE = -1;

/**
 * The edges of each pair: the first in the first plane, a second one (as queries and keys have) in the second.
 *
 * @returns each of `nodes²`, row-major: from, to; numbers of edges
 */
export function pairPlanes(source: Int32Array, target: Int32Array, nodes: number): Int32Array[] {
  const planes: Int32Array[] = [];
  source.forEach((from, edge) => {
    const pair = from * nodes + target[edge]!;
    let plane = planes.find((own) => own[pair] === NO_EDGE);
    if (!plane) planes.push((plane = new Int32Array(nodes * nodes).fill(NO_EDGE)));
    plane[pair] = edge;
  });
  return planes;
}

/** Of a graph's edges that aren't reversed. */
export function graphPlanes(graph: MetaGraph): Int32Array[] {
  const count = graph.blocks.reduce((sum, { reversed, size }) => sum + (reversed ? 0 : size), 0);
  const { source, target } = metaGraphArrays(graph);
  return pairPlanes(source.subarray(0, count), target.subarray(0, count), graph.nodeCount);
}

/** Added to scores where attention is restricted: 0 where an edge joins a pair, either way, and for a node and itself. */
export function edgeMask(planes: readonly Int32Array[], nodes: number): Float32Array {
  return Float32Array.from({ length: nodes * nodes }, (_, pair) => {
    const [i, j] = [Math.floor(pair / nodes), pair % nodes];
    const joined = i === j || planes.some((own) => own[pair] !== NO_EDGE || own[j * nodes + i] !== NO_EDGE);
    return joined ? 0 : HIDDEN;
  });
}

/** What is added to the scores of what isn't to be seen. */
export const HIDDEN = -1e9;

const isPlain = ({ shape, sourceOrder, targetOrder }: MetaBlock): boolean =>
  shape.shared === 1 && shape.places === 1 && sourceOrder === undefined && targetOrder === undefined;

const fill = (x: Tensor, shape: readonly number[]): Tensor =>
  x.shape.join() === shape.join() ? x : tf.add(x, tf.zeros([...shape]));

/**
 * Features of all pairs: those of the edges where there are some (their sum, of several), those of no edge elsewhere.
 *
 * @param e features of edges of C channels @param none_c of a pair without an edge; shape `[C]`
 * @returns shape `[B, C, N, N]`
 */
export function densePairs(graph: MetaGraph, e: Features, none_c: Tensor, networks: number): Tensor {
  const { groups, blocks } = graph;
  const forward = blocks.filter(({ reversed }) => !reversed);
  const between = new Map(forward.map((block) => [`${block.source} ${block.target}`, block]));
  if (between.size < forward.length || !forward.every(isPlain)) return gathered(graph, e, none_c, networks);
  const C = none_c.shape[0]!;
  const none: Tensor = tf.reshape(none_c, [1, C, 1, 1]);
  const rows = groups.map(({ size: S }, i) => {
    const parts = groups.map(({ size: T }, j): Tensor => {
      const block = between.get(`${i} ${j}`);
      // The gradient of `broadcastTo` is a slice and a sum for every copy.
      if (!block) return tf.add(none, tf.zeros([networks, C, S, T]));
      const value: Tensor = tf.reshape(fill(e[block.key]!, [networks, 1, T, S, 1, C]), [networks, T, S, C]);
      return tf.transpose(value, [0, 3, 2, 1]);
    });
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 3);
  });
  return rows.length === 1 ? rows[0]! : tf.concat(rows, 2);
}

/** By indices, where blocks are diagonal, or several edges join a pair. */
function gathered(graph: MetaGraph, e: Features, none_c: Tensor, networks: number): Tensor {
  const [N, C] = [graph.nodeCount, none_c.shape[0]!];
  const forward = graph.blocks.filter(({ reversed }) => !reversed);
  const lists = forward.map(({ key, shape, size }): Tensor => {
    const full = fill(e[key]!, [networks, shape.shared, shape.target, shape.source, shape.places, C]);
    return tf.reshape(full, [networks, size, C]);
  });
  const differences = tf.sub(lists.length === 1 ? lists[0]! : tf.concat(lists, 1), none_c);
  const rows = tf.concat([differences, tf.zeros([networks, 1, C])], 1);
  const count = rows.shape[1]! - 1;
  const sums = graphPlanes(graph).map((plane) =>
    tf.gather(
      rows,
      tf.tensor1d(
        plane.map((edge) => (edge === NO_EDGE ? count : edge)),
        'int32',
      ),
      1,
    ),
  );
  const all: Tensor = tf.add(
    sums.reduce((a, b) => tf.add(a, b)),
    none_c,
  );
  return tf.transpose(tf.reshape(all, [networks, N, N, C]), [0, 3, 1, 2]);
}

/**
 * Features of the edges, from those of all pairs; of several edges of a pair each has the pair's.
 *
 * @param e_bcnn shape `[B, C, N, N]` @returns by block, `[B, G, T, S, P, C]`; not of reversed edges
 */
export function edgesOfPairs(graph: MetaGraph, e_bcnn: Tensor): Features {
  const [B, C, N] = e_bcnn.shape as [number, number, number];
  const { source, target } = metaGraphArrays(graph);
  const flat: Tensor = tf.reshape(e_bcnn, [B, C, N * N]);
  let first = 0;
  return Object.fromEntries(
    graph.blocks
      .filter(({ reversed }) => !reversed)
      .map((block) => {
        const { shape, size, key } = block;
        const pairs = Int32Array.from({ length: size }, (_, i) => source[first + i]! * N + target[first + i]!);
        first += size;
        const own = isPlain(block) ? rectangle(graph, block, e_bcnn) : tf.gather(flat, tf.tensor1d(pairs, 'int32'), 2);
        const last: Tensor = tf.transpose(tf.reshape(own, [B, C, size]), [0, 2, 1]);
        return [key, tf.reshape(last, [B, shape.shared, shape.target, shape.source, shape.places, C])];
      }),
  );
}

/** Targets first, as in a block. @returns shape `[B, C, T, S]` */
function rectangle({ groups }: MetaGraph, { source, target }: MetaBlock, e_bcnn: Tensor): Tensor {
  const [B, C] = e_bcnn.shape as [number, number];
  const [from, to] = [groups[source]!, groups[target]!];
  const own = tf.slice(e_bcnn, [0, 0, from.group.start, to.group.start], [B, C, from.size, to.size]);
  return tf.transpose(own, [0, 1, 3, 2]);
}
