/** @file What layers of graph metanets are written against: one interface, whether edges lie in blocks or in lists. */
import type { NodeKind } from '@weightspace/parameter-graph';
import type { Tensor } from '@weightspace/compute';

import type { EdgeAttribute, NodeAttribute } from './attributes.ts';
import type { Features } from './features.ts';

export type Reduction = 'sum' | 'mean' | 'max' | 'min';
/** `in`: edges that lead to a node; `out`: those that leave it. */
export type Direction = 'in' | 'out';

/**
 * Message passing on the parameter graphs of a batch of networks.
 *
 * In what every layer does with channels, features are used part by part (`mapValues`, `combine`, `projectFeatures`); parts
 * have channels last, and other axes that broadcast.
 *
 * Letters: B networks, C and D channels, W columns of edge values, M columns of node values, H heads.
 */
export interface GraphOps {
  /** B. */
  readonly networks: number;
  /**
   * Values of the edges times a weight; a connection that holds no parameter has the value 1 where a weight has its own.
   * @param weight_wd shape `[W, D]`
   */
  edgeValues(weight_wd: Tensor): Features;
  /** Values on the nodes times a weight; 0 where there are none. @param weight_md shape `[M, D]` */
  nodeValues(weight_md: Tensor): Features;
  /** Rows of a table by an attribute of the nodes or edges. @param table_nd shape `[ids, D]` */
  embedNodes(attribute: NodeAttribute, table_nd: Tensor): Features;
  embedEdges(attribute: EdgeAttribute, table_nd: Tensor): Features;
  /** Sums of rows of several tables of equal width; cheaper than one after the other. */
  embedNodesBy(tables_nd: { readonly [attribute in NodeAttribute]?: Tensor }): Features;
  embedEdgesBy(tables_nd: { readonly [attribute in EdgeAttribute]?: Tensor }): Features;
  /** Node features at the edges: those of the node that each leaves, or leads to. */
  toSource(x: Features): Features;
  toTarget(x: Features): Features;
  /** Edge features at the nodes; 0 at nodes without edges. Of equal largest values all get the whole gradient. */
  aggregate(e: Features, how: Reduction, direction?: Direction): Features;
  /**
   * `[mean, least, largest, deviation]` over the edges that lead to each node, `[…, 4C]`, with a gradient in few passes. The
   * deviation is √(variance + 10⁻⁵). Without edges: 0, 0, 0, √10⁻⁵.
   */
  summarize(e: Features): Features;
  /** Softmax over the edges that lead to a node (or leave it), for each channel. */
  softmax(e: Features, direction?: Direction): Features;
  /** How many edges each node has, as features of one channel. */
  degrees(direction?: Direction): Features;
  /**
   * Of all nodes of a network, or of those of some kinds; 0 where it has none.
   * @returns shape `[B, C]`
   */
  poolNodes(x: Features, how: Reduction, kinds?: readonly NodeKind[]): Tensor;
  /** Of all edges of a network. @returns shape `[B, C]` */
  poolEdges(e: Features, how: Reduction): Tensor;
  /** Of output neurons in their order, padded with 0. @returns shape `[B, count, C]` */
  outputs(x: Features, count: number): Tensor;
  /** What belongs to a whole network, at its nodes or edges. @param x_bc shape `[B, C]` or `[1, C]` */
  spreadNodes(x_bc: Tensor): Features;
  spreadEdges(x_bc: Tensor): Features;
}
