import { registerGraphStyle } from './style.ts';
import type { GraphStyle } from './style.ts';

/**
 * Neurons with their biases as features (inputs have none), weights as edges; a kernel is the feature of one edge.
 *
 * A norm's scale lies on edges from each neuron to its normalized self, whose feature is the shift.
 *
 * Source: Kofinas et al. 2024, "Graph Neural Networks for Learning Equivariant Representations of Neural Networks",
 * arXiv:2403.12143, sections 2 and 3.
 * Departs: kernels aren't padded to a common size (`edgeFeatures` does that); flattened channels keep one node, with the
 * position on the edge; running statistics, gates and embeddings, which the paper leaves out, are added.
 */
export const neuralGraph: GraphStyle = {
  name: 'neural-graph',
  source: 'Kofinas et al. 2024, arXiv:2403.12143',
  departs: 'kernels are not padded; positions of flattened channels lie on the edges; statistics, gates, tables added',
  foldsPlaces: true,
  placement: (kind) => (kind === 'scale' ? 'diagonal' : kind === 'embedding' ? 'source-node' : 'node-feature'),
};
registerGraphStyle(neuralGraph);
