/** @file The models of the comparison: one line each, by name. */
import type { Settings } from '@weightspace/metanet';

import type { TrainingSettings } from '../training/train-predictor.ts';

export interface ModelRecipe {
  /** As registered in libs/metanet. */
  readonly kind: string;
  /** What differs from the kind's own. */
  readonly settings: Settings;
  /** What differs from `standardTraining`, or from the run's. */
  readonly training: Partial<TrainingSettings>;
  /** Published Kendall's τ on the authors' own zoos. */
  readonly published?: string;
}

export const standardTraining: TrainingSettings = {
  epochs: 40,
  batch: 32,
  rate: 1e-3,
  warmUp: 0.1,
  weightDecay: 0.01,
  clip: 1,
  loss: 'bce',
  choose: 'kendall-tau',
  looks: 20,
  batching: 'auto',
};

const nfn = { channels: [32, 32], frequencies: 16 } as const;
const small = {
  frequencies: 32,
  depth: 3,
  nodes: 32,
  edges: 16,
  attention: 64,
  nodesHidden: 64,
  edgesHidden: 32,
} as const;

/**
 * By name. Widths are such that a step on the CNNs of `cnn-zoo` takes well below a second on one core.
 *
 * Source of published τ: Kofinas et al. 2024, arXiv:2403.12143, table 2: CIFAR10-GS, SVHN-GS; CNN Wild Park. ≈: on the authors'
 * own zoos, and not checked by us.
 */
export const recipes: { readonly [name: string]: ModelRecipe } = {
  'stat-nn': { kind: 'stat-nn', settings: { head: [600, 600] }, training: {}, published: '≈ .915, .843; .719' },
  'flat-mlp': { kind: 'flat-mlp', settings: {}, training: {} },
  'deep-sets': { kind: 'deep-sets', settings: {}, training: {} },
  'nfn-np': { kind: 'nfn-np', settings: nfn, training: {}, published: '≈ .922, .856' },
  'nfn-hnp': { kind: 'nfn-hnp', settings: nfn, training: {}, published: '≈ .934, .931' },
  'nfn-hnp-statistics': { kind: 'nfn-hnp', settings: { ...nfn, statistics: true }, training: {} },
  unf: { kind: 'unf', settings: { channels: [32, 32], frequencies: 16, sharedChannels: 64 }, training: {} },
  'ng-gnn': { kind: 'ng-gnn', settings: {}, training: {}, published: '≈ .930, .863; .804' },
  'ng-gnn-residual': { kind: 'ng-gnn', settings: { residual: true }, training: {} },
  'ng-t': { kind: 'ng-t', settings: small, training: {}, published: '≈ .935, .872; .817' },
  gmn: { kind: 'gmn', settings: { width: 24, layers: 3, undirected: false }, training: {} },
  'scale-gmn': { kind: 'scale-gmn', settings: {}, training: {} },
  'scale-gmn-b': { kind: 'scale-gmn-b', settings: {}, training: {} },
  probes: { kind: 'probes', settings: { probes: 32 }, training: {} },
  'probe-gen': { kind: 'probe-gen', settings: { probes: 32 }, training: {} },
};
