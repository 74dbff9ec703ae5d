/** @file NG-T: the relational transformer on all pairs of neurons. */
import type { MetanetKind } from '../../registry.ts';
import { mixNgT } from './ng-t-mixed.ts';
import { createNgT, editNgT } from './ng-t-model.ts';
import { ngTSettings } from './relational-stack.ts';
import type { NgTSettings } from './relational-stack.ts';

export const ngT: MetanetKind<NgTSettings> = {
  kind: 'ng-t',
  family: 'Neural Graphs',
  source: 'Kofinas et al. 2024, arXiv:2403.12143, section 3.3',
  symmetry: 'invariant to permutations of hidden neurons, channels and heads',
  inputs: ['any network; memory grows with the square of the number of its neurons'],
  takes: ['mlp', 'cnn', 'residual', 'attention', 'recurrent'],
  settings: ngTSettings,
  published: {
    settings: { activations: false },
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 376_586,
    departs: 'nothing; the public code embeds activations for CNNs only',
  },
  create: (architecture, outputs, settings) => createNgT(architecture, outputs, settings),
  edit: editNgT,
  mix: mixNgT,
};
