import { siren } from '@weightspace/architecture';
import { parameterGraph } from '@weightspace/parameter-graph';
import { describe, expect, test } from 'vitest';

import { batchNormCnn, resNet, vit, weightsOf, zooCnn } from './networks.ts';

describe('parameterGraph', () => {
  // Nodes and edges that the public code of Lim et al. 2024 gives for these networks.
  test.each([
    ['SIREN 2-32-32-1', siren({ sizes: [2, 32, 32, 1] }), 70, 1185],
    ['zoo CNN', zooCnn(), 63, 4970],
    ['CNN with batch norm', batchNormCnn(), 117, 11_658],
    ['ResNet', resNet(), 203, 34_730],
    ['ViT', vit(), 995, 104_010],
  ])('has the published size for %s', (_, architecture, nodes, edges) => {
    const graph = parameterGraph(architecture, weightsOf(architecture), { exact: false });
    expect([graph.nodeCount, graph.edgeCount]).toEqual([nodes, edges]);
  });

  test('has one node per neuron as a neural graph', () => {
    const architecture = siren({ sizes: [2, 32, 32, 1] });
    const graph = parameterGraph(architecture, weightsOf(architecture), { style: 'neural-graph' });
    expect([graph.nodeCount, graph.edgeCount]).toEqual([67, 1120]);
    // One edge per pair of channels: 16 · (1 + 16 + 16) kernels and 160 weights.
    const cnn = parameterGraph(zooCnn(), weightsOf(zooCnn()), { style: 'neural-graph' });
    expect([cnn.nodeCount, cnn.edgeCount, cnn.blocks.map(({ width }) => width)]).toEqual([59, 688, [9, 9, 9, 1]]);
  });
});
