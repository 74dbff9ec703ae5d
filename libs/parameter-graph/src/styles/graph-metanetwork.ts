import { registerGraphStyle } from './style.ts';
import type { GraphStyle } from './style.ts';

/**
 * Every parameter is one edge: a bias, and a norm's scale and shift, lead from a node of their own; a kernel is as many
 * parallel edges as it has positions.
 *
 * Source: Lim et al. 2024, "Graph Metanetworks for Processing Diverse Neural Architectures", arXiv:2312.04501, section 2
 * and appendix A.
 * Departs: queries, keys and values have edges of their own to nodes of their own, and heads are nodes; the parts of an
 * equivariant linear layer differ; running statistics, gates, tables and recurrent weights are added; a norm whose input
 * is read elsewhere too gets nodes of its own. `exact: false` gives the public code's sizes instead.
 */
export const graphMetanetwork: GraphStyle = {
  name: 'graph-metanetwork',
  source: 'Lim et al. 2024, arXiv:2312.04501',
  departs: 'queries, keys, values and heads are told apart; statistics, gates, tables and recurrence added',
  foldsPlaces: false,
  placement: () => 'source-node',
};
registerGraphStyle(graphMetanetwork);
