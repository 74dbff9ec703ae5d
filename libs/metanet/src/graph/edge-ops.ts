/** @file Graphs of any architectures at once: lists of nodes and edges, with gather and segment sums. */
import { tf, withoutGradient } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { project } from '../layers/dense.ts';
import { nodeKindIds } from './attributes.ts';
import { combine } from './features.ts';
import type { Features } from './features.ts';
import type { Direction, GraphOps, Reduction } from './graph-ops.ts';
import { largestOf, segmentMax } from './segment-max.ts';
import { joinSummary } from './summary.ts';

/** The only part of features, of nodes or of edges. */
const ALL = 'all';

/**
 * Message passing on edge lists. Features have one part, `[V, C]` or `[E, C]`. What is padding leads only to the node that is
 * padding, and belongs to no network, so that it shows nowhere.
 *
 * Maximum and minimum are taken where edges lie in runs, those that lead to a node; for those that leave it, use reversed
 * edges.
 *
 * @param batch from `packGraphs`
 */
export function edgeOps(batch: Tensors): GraphOps {
  const get = (name: string): Tensor => batch[name]!;
  const only = (x: Features): Tensor => x[ALL]!;
  const all = (value: Tensor): Features => ({ [ALL]: value });
  const networks = get('edgeCount').shape[0]!;
  const [V, E] = [get('nodeNetwork').shape[0]!, get('edgeNetwork').shape[0]!];
  const gather = (x: Tensor, ids: Tensor): Tensor => tf.gather(x, ids as never);
  const full = (x: Tensor, rows: number): Tensor => (x.shape[0] === rows ? x : tf.add(x, tf.zeros([rows, 1])));
  const endOf = (direction: Direction) => get(direction === 'in' ? 'target' : 'source');
  const degree = (direction: Direction) => get(direction === 'in' ? 'inDegree' : 'outDegree');
  const aggregate = (e: Features, how: Reduction, direction: Direction = 'in'): Features => {
    const value = full(only(e), E);
    if (how === 'min') return all(tf.neg(only(aggregate(all(tf.neg(value)), 'max', direction))));
    if (how === 'max') {
      if (direction === 'out')
        throw new RangeError("aggregate: max and min must be over incoming edges, got 'out'; use reversed edges");
      return all(segmentMax(batch, value));
    }
    const sum = tf.unsortedSegmentSum(value, endOf(direction) as never, V);
    return all(how === 'sum' ? sum : tf.div(sum, tf.maximum(degree(direction), 1)));
  };
  const pool = (x: Tensor, how: Reduction, ids: Tensor, count: Tensor): Tensor => {
    if (how === 'max' || how === 'min') return poolLargest(x, how, ids, networks);
    const sum: Tensor = tf.unsortedSegmentSum(x, ids as never, networks);
    return how === 'sum' ? sum : tf.div(sum, tf.maximum(count, 1));
  };
  return {
    networks,
    edgeValues: (weight) => all(project(get('values'), weight)),
    nodeValues: (weight) =>
      all(get('nodeValues').shape[1] === 0 ? tf.zeros([V, weight.shape[1]!]) : project(get('nodeValues'), weight)),
    embedNodes: (attribute, table) => all(gather(table, get(`node.${attribute}`))),
    embedEdges: (attribute, table) => all(gather(table, get(`edge.${attribute}`))),
    embedNodesBy: (tables) => all(embedBy(batch, 'node', tables)),
    embedEdgesBy: (tables) => all(embedBy(batch, 'edge', tables)),
    toSource: (x) => all(gather(full(only(x), V), get('source'))),
    toTarget: (x) => all(gather(full(only(x), V), get('target'))),
    aggregate,
    summarize: (e) => {
      const square = combine((x) => tf.mul(x, x), e);
      return combine(
        joinSummary,
        aggregate(e, 'mean'),
        aggregate(square, 'mean'),
        aggregate(e, 'min'),
        aggregate(e, 'max'),
      );
    },
    softmax: (e, direction = 'in') => {
      const value = full(only(e), E);
      if (direction === 'out')
        throw new RangeError("softmax: must be over incoming edges, got 'out'; use reversed edges");
      const most = withoutGradient(() => gather(largestOf(batch, value), get('target')));
      const exp = tf.exp(tf.sub(value, most)) as Tensor;
      const sum = tf.unsortedSegmentSum(exp, get('target') as never, V);
      return all(tf.div(exp, gather(sum, get('target'))));
    },
    degrees: (direction = 'in') => all(degree(direction)),
    poolNodes: (x, how, kinds) => {
      const value = full(only(x), V);
      if (kinds === undefined) return pool(value, how, get('nodeNetwork'), get('nodeCount'));
      const ids = chosenNodes(batch, nodeKindIds(kinds));
      const ones = tf.cast(tf.greaterEqual(ids, 0), 'float32') as Tensor;
      const count = tf.unsortedSegmentSum(tf.reshape(ones, [V, 1]), ids as never, networks);
      return pool(value, how, ids, count);
    },
    poolEdges: (e, how) => pool(full(only(e), E), how, get('edgeNetwork'), get('edgeCount')),
    outputs: (x, count) => {
      const ids = get('outputs');
      const [B, most] = ids.shape as [number, number];
      if (count < most)
        throw new RangeError(`outputs: count must be at least the networks' ${most} outputs, got ${count}`);
      const rows = gather(tf.mul(full(only(x), V), get('nodeMask')), ids);
      const D = rows.shape.at(-1)!;
      return count === most ? rows : tf.concat([rows, tf.zeros([B, count - most, D])], 1);
    },
    spreadNodes: (x_bc) => all(spread(x_bc, get('nodeNetwork'))),
    spreadEdges: (x_bc) => all(spread(x_bc, get('edgeNetwork'))),
  };
}

const embedBy = (batch: Tensors, end: string, tables: { readonly [attribute: string]: Tensor | undefined }): Tensor =>
  Object.entries(tables)
    .flatMap(([name, table]) =>
      table === undefined ? [] : [tf.gather(table, batch[`${end}.${name}`] as never) as Tensor],
    )
    .reduce((a, b) => tf.add(a, b));

/** Padding gets what the first network has, which goes nowhere. */
const spread = (x_bc: Tensor, ids: Tensor): Tensor =>
  x_bc.shape[0] === 1 ? x_bc : tf.gather(x_bc, tf.maximum(ids, tf.scalar(0, 'int32')) as never);

/** The network of each node of these kinds; −1 for others. */
function chosenNodes(batch: Tensors, kinds: readonly number[]): Tensor {
  const kind = batch['node.kind']!;
  const wanted = kinds.map((id) => tf.equal(kind, tf.scalar(id, 'int32')) as Tensor);
  const any = wanted.reduce((a, b) => tf.logicalOr(a, b));
  return tf.where(any as never, batch['nodeNetwork']!, tf.fill([kind.shape[0]!], -1, 'int32'));
}

/** Networks are few: one masked maximum each. Of equal largest values all get the whole gradient. */
function poolLargest(x: Tensor, how: 'max' | 'min', ids: Tensor, networks: number): Tensor {
  if (how === 'min') return tf.neg(poolLargest(tf.neg(x), 'max', ids, networks));
  const rows = Array.from({ length: networks }, (_, b) => {
    const own = tf.reshape(tf.cast(tf.equal(ids, tf.scalar(b, 'int32')), 'float32'), [-1, 1]);
    const lowest = tf.mul(tf.sub(own, 1), 1e30);
    return tf.mul(tf.max(tf.add(tf.mul(x, own), lowest), 0, true), tf.max(own)) as Tensor;
  });
  return rows.length === 1 ? rows[0]! : tf.concat(rows, 0);
}
