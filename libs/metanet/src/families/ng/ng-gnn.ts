/** @file NG-GNN: principal neighbourhood aggregation on the graph of neurons. */
import type { MetanetKind } from '../../registry.ts';
import { createNgGnn, editNgGnn, mixNgGnn, ngGnnSettings } from './ng-gnn-model.ts';
import type { NgGnnSettings } from './ng-gnn-model.ts';

export const ngGnn: MetanetKind<NgGnnSettings> = {
  kind: 'ng-gnn',
  family: 'Neural Graphs',
  source: 'Kofinas et al. 2024, arXiv:2403.12143, section 3.2',
  symmetry: 'invariant to permutations of hidden neurons, channels and heads',
  inputs: ['any network'],
  takes: ['mlp', 'cnn', 'residual', 'attention', 'recurrent'],
  settings: ngGnnSettings,
  published: {
    settings: { activations: false },
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 92_010,
    departs: 'nothing; the public code embeds activations for CNNs only',
  },
  create: (architecture, outputs, settings) => createNgGnn(architecture, outputs, settings),
  edit: editNgGnn,
  mix: mixNgGnn,
};
