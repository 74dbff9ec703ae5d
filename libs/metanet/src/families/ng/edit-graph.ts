/** @file From features of nodes and edges to a change of every parameter. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { combine } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { parametersOfBlocks } from '../../graph/write-back.ts';
import { dense, denseParameters } from '../../layers/dense.ts';
import type { Widths } from './graph-encoder.ts';
import type { GraphVocabulary } from './graph-vocabulary.ts';

/** Start of the learned scale of a layer's changes. */
const SCALE = 0.01;

export function editParameters(
  { columns, largest }: GraphVocabulary,
  { nodes, edges }: Widths,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const part = (name: string, channels: number, outputs: number) =>
    outputs === 0
      ? {}
      : {
          ...denseParameters(`edit.${name}1`, channels, channels, stream),
          ...denseParameters(`edit.${name}2`, channels, outputs, stream),
          [`edit.${name}.scale`]: ndarray(new Float32Array(largest.layer - 1).fill(SCALE), [largest.layer - 1, 1]),
        };
  return { ...part('edges', edges, columns.edges), ...part('nodes', nodes, columns.nodes) };
}

/**
 *     ΔW = s_layer · MLP(e),   Δb = s'_layer · MLP(x)
 *
 * Nodes are those of their parameters: input neurons, which have none, are left out, whichever order they come in.
 *
 * @returns by parameter; shape `[B, …shape]`
 * Symmetry: equivariant to permutations of hidden neurons.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, appendix C.2.
 * Departs: the public code of NG-GNN takes the biases' changes from the first nodes, which are inputs.
 */
export function editGraph(
  params: Tensors,
  graph: MetaGraph,
  { columns }: GraphVocabulary,
  ops: GraphOps,
  x: Features,
  e: Features,
): Record<string, Tensor> {
  const perceptron = (name: string, features: Features, at: (table: Tensor) => Features): Features => {
    const table = params[`edit.${name}.scale`];
    if (!table) return {};
    const rows = tf.concat([tf.zeros([2, 1]), table], 0);
    const all = at(rows);
    const scales = Object.fromEntries(Object.keys(features).map((key) => [key, all[key]!]));
    return combine(
      (part, scale) =>
        tf.mul(dense(params, `edit.${name}2`, tf.relu(dense(params, `edit.${name}1`, part)) as Tensor), scale),
      features,
      scales,
    );
  };
  const edges = perceptron('edges', e, (table) => ops.embedEdges('layer', table));
  const nodes = perceptron('nodes', x, (table) => ops.embedNodes('layer', table));
  return parametersOfBlocks(graph, columns, ops.networks, edges, nodes);
}
