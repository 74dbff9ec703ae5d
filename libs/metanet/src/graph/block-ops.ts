/** @file Graphs of one architecture, a batch of networks: edges as dense blocks, without indices of nodes. */
import { tf, withoutGradient } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { project } from '../layers/dense.ts';
import { repeats, toEdges, toNodes } from './block-axes.ts';
import type { End } from './block-axes.ts';
import { viewTensor } from './block-values.ts';
import { edgeColumns, nodeColumns } from './columns.ts';
import type { Columns } from './columns.ts';
import { combine } from './features.ts';
import type { Features } from './features.ts';
import type { Direction, GraphOps, Reduction } from './graph-ops.ts';
import type { MetaBlock, MetaGraph } from './meta-graph.ts';
import { summaryOfBlocks, summaryOfNothing } from './summary.ts';

/**
 * Message passing on blocks. Parts of node features are groups, `[B, N, C]`; parts of edge features are blocks,
 * `[B, G, T, S, P, C]` (see `block-axes.ts`). Cost is linear in edges; nothing is gathered or scattered.
 *
 * @param weights by parameter of the architecture; shape `[B, …shape]`
 */
export function blockOps(graph: MetaGraph, columns: Columns, weights: Tensors): GraphOps {
  const networks = Object.values(weights)[0]!.shape[0]!;
  const { groups, blocks } = graph;
  const ends = (end: End) => (x: Features) =>
    Object.fromEntries(blocks.map((block) => [block.key, toEdges(x[groups[block[end]]!.key]!, block, end)]));
  const [toSource, toTarget] = [ends('source'), ends('target')];
  const aggregate = (e: Features, how: Reduction, direction: Direction = 'in') =>
    aggregateBlocks(graph, e, how, direction);
  return {
    networks,
    edgeValues: (weight) => edgeValues(graph, columns, weights, weight),
    nodeValues: (weight) => nodeValues(graph, columns, weights, weight),
    embedNodes: (attribute, table) => embed(groups, { [attribute]: table }, 0),
    embedEdges: (attribute, table) => embed(blocks, { [attribute]: table }, 3),
    embedNodesBy: (tables) => embed(groups, tables, 0),
    embedEdgesBy: (tables) => embed(blocks, tables, 3),
    toSource,
    toTarget,
    aggregate,
    summarize: (e) =>
      byGroup(
        graph,
        e,
        'target',
        (own, parts, i) => summaryOfBlocks(own, parts, graph.degrees.in[i]!),
        summaryOfNothing,
      ),
    softmax: (e, direction = 'in') => {
      const back = direction === 'in' ? toTarget : toSource;
      const most = withoutGradient(() => back(aggregate(e, 'max', direction)));
      const exp = combine((x, m) => tf.exp(tf.sub(x, m)), e, most);
      return combine((x, sum) => tf.div(x, sum), exp, back(aggregate(exp, 'sum', direction)));
    },
    degrees: (direction = 'in') =>
      Object.fromEntries(groups.map(({ key }, i) => [key, tf.fill([1, 1, 1], graph.degrees[direction][i]!)])),
    poolNodes: (x, how, kinds) => {
      const chosen = groups.filter(({ group }) => kinds === undefined || kinds.includes(group.kind));
      const parts = chosen.map(({ key, size }) => ({ value: x[key]!, times: size / x[key]!.shape[1]! }));
      return poolParts(
        parts,
        how,
        chosen.reduce((sum, { size }) => sum + size, 0),
        networks,
        channelsOf(x),
      );
    },
    poolEdges: (e, how) => {
      const parts = blocks.map((block) => ({
        value: e[block.key]!,
        times: repeats(e[block.key]!, block, [1, 2, 3, 4]),
      }));
      return poolParts(parts, how, graph.edgeCount, networks, channelsOf(e));
    },
    outputs: (x, count) => outputsOf(graph, x, count, networks),
    spreadNodes: (x_bc) => spread(groups, x_bc, 1),
    spreadEdges: (x_bc) => spread(blocks, x_bc, 4),
  };
}

const channelsOf = (x: Features): number => Object.values(x)[0]!.shape.at(-1)!;

/** One tensor for all parts, with so many axes between batch and channels. */
function spread(parts: readonly { readonly key: string }[], x_bc: Tensor, axes: number): Features {
  const [b, c] = x_bc.shape as [number, number];
  const value: Tensor = tf.reshape(x_bc, [b, ...Array<number>(axes).fill(1), c]);
  return Object.fromEntries(parts.map(({ key }) => [key, value]));
}

/**
 * Rows of tables by the ids of parts, summed: one gather for each table, whose rows are then dealt out to the parts.
 *
 * @param before axes of length 1 between the batch and what ids number
 */
function embed(
  parts: readonly { readonly key: string; readonly attributes: { readonly [name: string]: Int32Array } }[],
  tables: { readonly [attribute: string]: Tensor | undefined },
  before: number,
): Features {
  const given = Object.entries(tables).flatMap(([name, table]) =>
    table === undefined ? [] : [[name, table] as const],
  );
  const lengths = parts.map(({ attributes }) => Math.max(...given.map(([name]) => attributes[name]!.length)));
  const rows = given.map(([name, table]) => {
    const ids = parts.flatMap(({ attributes }, part) => {
      const own = attributes[name]!;
      return Array.from({ length: lengths[part]! }, (_, i) => own[own.length === 1 ? 0 : i]!);
    });
    return tf.gather(table, tf.tensor1d(Int32Array.from(ids), 'int32')) as Tensor;
  });
  const sum = rows.reduce((a, b) => tf.add(a, b));
  const dealt = parts.length === 1 ? [sum] : tf.split(sum, lengths, 0);
  const ones = Array<number>(before + 1).fill(1);
  return Object.fromEntries(
    parts.map(({ key }, part) => [key, tf.reshape(dealt[part]!, [...ones, lengths[part]!, sum.shape[1]!])]),
  );
}

function edgeValues({ blocks }: MetaGraph, columns: Columns, weights: Tensors, weight_wd: Tensor): Features {
  const D = weight_wd.shape[1]!;
  return Object.fromEntries(
    blocks.map((block) => {
      const { view, width } = block.block;
      const rows =
        columns.edges === 1 ? weight_wd : tf.gather(weight_wd, tf.tensor1d(edgeColumns(columns, block), 'int32'));
      if (view === undefined) return [block.key, tf.reshape(rows, [1, 1, 1, 1, 1, D])];
      const stored = viewTensor(view, weights[view.parameter]!);
      // They are stored as the block's edges that aren't reversed are, targets first.
      const moved = block.reversed !== (block.axes.target === 3);
      const value = moved ? tf.transpose(stored, [0, 1, 3, 2, 4]) : stored;
      const [b, g, t, s, p] = value.shape as [number, number, number, number, number];
      // One value times a row is a broadcast product, which is cheaper than a matrix product of depth 1.
      if (width === 1)
        return [block.key, tf.mul(tf.reshape(value, [b, g, t, s, p, 1]), tf.reshape(rows, [1, 1, 1, 1, 1, D]))];
      return [block.key, project(tf.reshape(value, [b, g, t, s, 1, p]), rows)];
    }),
  );
}

function nodeValues({ groups }: MetaGraph, columns: Columns, weights: Tensors, weight_md: Tensor): Features {
  const D = weight_md.shape[1]!;
  return Object.fromEntries(
    groups.map((group) => {
      const { parameters } = group.group;
      if (parameters.length === 0) return [group.key, tf.zeros([1, 1, D])];
      const own = nodeColumns(columns, group);
      const ids = own.flatMap((list) => [...list]);
      const values = parameters.map(({ view }) => {
        const value = viewTensor(view, weights[view.parameter]!);
        return tf.reshape(value, [value.shape[0]!, group.size, view.shape.places]);
      });
      const joined = values.length === 1 ? values[0]! : tf.concat(values, 2);
      return [group.key, project(joined, tf.gather(weight_md, tf.tensor1d(Int32Array.from(ids), 'int32')))];
    }),
  );
}

function aggregateBlocks(graph: MetaGraph, e: Features, how: Reduction, direction: Direction): Features {
  const end = direction === 'in' ? 'target' : 'source';
  return byGroup(graph, e, end, (own, parts, i) => {
    const all = reduceParts(own, parts, end, how);
    const degree = graph.degrees[direction][i]!;
    return how === 'mean' && degree !== 1 ? tf.mul(all, 1 / degree) : all;
  });
}

/** Calls back with the blocks that meet a group with one of their ends, and their features; `nothing` where there are none. */
function byGroup(
  { groups, blocks }: MetaGraph,
  e: Features,
  end: End,
  f: (own: readonly MetaBlock[], parts: readonly Tensor[], group: number) => Tensor,
  nothing = (channels: number): Tensor => tf.zeros([1, 1, channels]),
): Features {
  const D = channelsOf(e);
  return Object.fromEntries(
    groups.map(({ key }, i) => {
      const own = blocks.filter((block) => block[end] === i);
      if (own.length === 0) return [key, nothing(D)];
      return [
        key,
        f(
          own,
          own.map((block) => e[block.key]!),
          i,
        ),
      ];
    }),
  );
}

const JOIN = { sum: tf.add, mean: tf.add, max: tf.maximum, min: tf.minimum } as const;

/** Small tensors are joined first. */
function reduceParts(own: readonly MetaBlock[], parts: readonly Tensor[], end: End, how: Reduction): Tensor {
  const reduced = own.map((block, i) => toNodes(parts[i]!, block, end, how === 'mean' ? 'sum' : how));
  reduced.sort((a, b) => a.size - b.size);
  return reduced.reduce((a, b) => JOIN[how](a, b));
}

interface Part {
  readonly value: Tensor;
  /** How many nodes or edges each entry stands for. */
  readonly times: number;
}

function poolParts(parts: readonly Part[], how: Reduction, count: number, networks: number, channels: number): Tensor {
  const batch: Tensor = tf.zeros([networks, 1]);
  if (parts.length === 0) return tf.zeros([networks, channels]);
  if (how === 'min') {
    const negative = parts.map(({ value, times }) => ({ value: tf.neg(value) as Tensor, times }));
    return tf.neg(poolParts(negative, 'max', count, networks, channels));
  }
  const pooled = parts.map(({ value, times }) => {
    const axes = value.shape.flatMap((size, axis) => (axis > 0 && axis < value.rank - 1 && size > 1 ? [axis] : []));
    const flat = axes.length === 0 ? value : how === 'max' ? tf.max(value, axes) : tf.sum(value, axes);
    const rows = tf.reshape(flat, [value.shape[0]!, channels]);
    return how === 'max' || times === 1 ? rows : tf.mul(rows, times);
  });
  const all = pooled.reduce((a, b) => (how === 'max' ? tf.maximum(a, b) : tf.add(a, b)) as never);
  const scaled = how === 'mean' ? tf.mul(all, 1 / count) : all;
  return scaled.shape[0] === networks ? scaled : tf.add(scaled, batch);
}

function outputsOf({ groups }: MetaGraph, x: Features, count: number, networks: number): Tensor {
  const D = channelsOf(x);
  const parts = groups
    .filter(({ group }) => group.kind === 'output')
    .map(({ key, size }) => tf.add(x[key]!, tf.zeros([networks, size, 1])) as Tensor);
  const joined = parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
  const missing = count - joined.shape[1]!;
  if (missing < 0) {
    throw new RangeError(`outputs: count must be at least the network's ${joined.shape[1]!} outputs, got ${count}`);
  }
  return missing === 0 ? joined : tf.concat([joined, tf.zeros([networks, missing, D])], 1);
}
