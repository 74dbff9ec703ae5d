/** @file Values of edges and nodes as parameters again, for editors. */
import { ndarray, sizeOf, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor } from '@weightspace/compute';

import { edgeShape } from './block-axes.ts';
import { joinViews } from './block-values.ts';
import { edgeColumns, nodeColumns } from './columns.ts';
import type { Columns } from './columns.ts';
import type { EdgeTemplate } from './edge-template.ts';
import type { Features } from './features.ts';
import type { MetaBlock, MetaGraph, MetaGroup } from './meta-graph.ts';

/**
 * Parameters from values on blocks.
 *
 * @param edges as many channels as `columns.edges`; those of reversed edges and of connections aren't used
 * @param nodes as many channels as `columns.nodes`; may be absent where no parameter lies on nodes
 * @returns by name; shape `[B, …shape]`; 0 for parameters that the graph leaves out
 * Symmetry: equivariant.
 */
export function parametersOfBlocks(
  graph: MetaGraph,
  columns: Columns,
  networks: number,
  edges: Features,
  nodes: Features = {},
): Record<string, Tensor> {
  const parts = [
    ...graph.blocks.flatMap((block) => edgePart(block, columns, networks, edges)),
    ...graph.groups.flatMap((group) => nodeParts(group, columns, networks, nodes)),
  ];
  return Object.fromEntries(
    graph.architecture.parameters.map(({ name, shape }) => {
      const own = parts.filter(({ view }) => view.parameter === name);
      return [name, own.length === 0 ? tf.zeros([networks, ...shape]) : joinViews(own, shape)];
    }),
  );
}

function edgePart(own: MetaBlock, columns: Columns, networks: number, edges: Features) {
  const { block, shape, axes, reversed, key } = own;
  if (block.view === undefined || reversed) return [];
  const value = edges[key]!;
  const chosen =
    columns.edges === 1 ? value : tf.gather(value, tf.tensor1d(edgeColumns(columns, own), 'int32'), value.rank - 1);
  const full = edgeShape(own, networks, block.width);
  const joined: Tensor = tf.reshape(fill(chosen, full), [...full.slice(0, 4), shape.places * block.width]);
  return [{ view: block.view, value: axes.target === 2 ? joined : tf.transpose(joined, [0, 1, 3, 2, 4]) }];
}

function nodeParts(own: MetaGroup, columns: Columns, networks: number, nodes: Features) {
  const ids = nodeColumns(columns, own);
  return own.group.parameters.map(({ view }, i) => {
    const value = nodes[own.key]!;
    const chosen = tf.gather(value, tf.tensor1d(ids[i]!, 'int32'), 2) as Tensor;
    const full = fill(chosen, [networks, own.size, view.shape.places]);
    return { view, value: tf.reshape(full, [networks, 1, own.size, 1, view.shape.places]) as Tensor };
  });
}

const fill = (x: Tensor, shape: readonly number[]): Tensor =>
  x.shape.join() === shape.join() ? x : tf.add(x, tf.zeros([...shape]));

/**
 * Parameters from values on edge lists, one network after the other in the order in which they were packed.
 *
 * @param edges shape `[E, W]` @param nodes shape `[V, M]`
 */
export function unpackGraphs(
  templates: readonly EdgeTemplate[],
  columns: Columns,
  edges: NdArray,
  nodes: NdArray,
): NdArrays[] {
  let [v, e] = [0, 0];
  return templates.map(({ graph, edgeFill, nodeFill, nodeCount, edgeCount }) => {
    const { parameters } = graph.architecture;
    const flat = new Float32Array(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
    const forward = edgeFill.slots.length / (graph.blocks.some(({ reversed }) => reversed) ? 2 : 1);
    const lists = [
      { fill: edgeFill, count: forward, from: edges.data, row: e, width: columns.edges },
      { fill: nodeFill, count: nodeFill.slots.length, from: nodes.data, row: v, width: columns.nodes },
    ];
    for (const { fill: own, count, from, row, width } of lists) {
      for (let i = 0; i < count; i++) {
        const slot = own.slots[i]!;
        if (slot >= 0) flat[slot] = from[(row + own.rows[i]!) * width + own.columns[i]!]!;
      }
    }
    v += nodeCount;
    e += edgeCount;
    let offset = 0;
    return Object.fromEntries(
      parameters.map(({ name, shape }) => {
        offset += sizeOf(shape);
        return [name, ndarray(flat.slice(offset - sizeOf(shape), offset), shape)];
      }),
    );
  });
}
