/** @file The models of the comparison: one line each, by name. */
import type { Settings } from '@weightspace/metanet';

import type { TrainingSettings } from './train-classifier.ts';

/** A kind of metanet, its settings, how it is trained, and on what augmentations. */
export interface ModelRecipe {
  /** As registered in libs/metanet. */
  readonly kind: string;
  /** What differs from the kind's own. */
  readonly settings: Settings;
  /** What differs from `standardTraining`, or from the run's. */
  readonly training: Partial<TrainingSettings>;
  readonly augmentation: readonly string[];
  /** Whether signs and phases are chosen by a rule before the model reads the weights, for kinds without such a setting. */
  readonly canonicalSigns?: boolean;
  /** Published test accuracy in % by image set, on the authors' own networks; with ≈ where we couldn't check it. */
  readonly published?: { readonly [imageSet: string]: string };
}

export const standardTraining: TrainingSettings = {
  epochs: 40,
  batch: 64,
  rate: 4e-3,
  warmUp: 0.1,
  weightDecay: 0.01,
  amsgrad: false,
  clip: 1,
  labelSmoothing: 0.05,
  evaluateEvery: 0,
  mixup: 'none',
};

/** Moves that leave the class: small, of the picture. */
const picture = ['translation', 'rotation', 'scaling', 'shear'] as const;
export const defaultAugmentation: readonly string[] = [...picture, 'sign'];

/** A perceptron learns best at a low rate. */
const perceptron = { rate: 1e-3, epochs: 40 } as const;
/** DWSNets' and Neural Graphs' own, for fewer epochs and with a rate that falls. */
const dwsTraining = { rate: 5e-3, weightDecay: 5e-4, amsgrad: true, labelSmoothing: 0 } as const;
const ngTraining = { rate: 1e-3, weightDecay: 5e-4, amsgrad: true, clip: 10, labelSmoothing: 0 } as const;
const weights = { training: { rate: 1e-3 }, augmentation: ['sign'] } as const;

/**
 * What helps a model that sees the weights alone: signs and phases are chosen by a rule in place of being learnt from
 * augmented copies; it fits slowly, so it gets small batches, and nothing is dropped.
 */
export const weightsAlone: ModelRecipe = {
  kind: 'nfn-np',
  settings: { probes: 0, dropout: 0, canonicalSigns: true },
  training: { batch: 32 },
  augmentation: [],
};
/** The same for graph metanets, at a higher rate than the published one, for fewer epochs. */
const weightsAloneGraph = {
  settings: {},
  training: { ...ngTraining, rate: 2e-3, batch: 32 },
  augmentation: [],
  canonicalSigns: true,
} as const;
const nfn = { ...weightsAlone.settings, channels: [32, 32], frequencies: 32 } as const;
const nfnProbes = { probes: 128, channels: [32, 32], frequencies: 32 } as const;

/** Published accuracies on SIRENs of MNIST and of Fashion-MNIST. */
const published = (mnist: string, fashion: string) => ({ published: { mnist, 'fashion-mnist': fashion } });

/**
 * By name. A kind that isn't registered makes its recipes unavailable, and nothing else.
 *
 * Source of published accuracies: the tables of the papers that libs/metanet names; Navon et al. 2023 for the perceptrons,
 * Kalogeropoulos et al. 2024, arXiv:2406.10685, for the NFNs on networks as DWSNets'.
 */
export const recipes: { readonly [name: string]: ModelRecipe } = {
  'flat-mlp': {
    kind: 'flat-mlp',
    settings: {},
    training: perceptron,
    augmentation: [],
    ...published('≈ 17.6', '≈ 19.9'),
  },
  'flat-mlp-permuted': { kind: 'flat-mlp', settings: {}, training: perceptron, augmentation: ['permutation'] },
  'stat-nn': { kind: 'stat-nn', settings: { head: [256, 256] }, training: perceptron, augmentation: [...picture] },
  'canonical-mlp': { kind: 'canonical-mlp', settings: {}, training: perceptron, augmentation: [] },
  'frame-averaging': { kind: 'frame-averaging', settings: {}, training: perceptron, augmentation: [] },
  'learned-canonicalization': {
    kind: 'learned-canonicalization',
    settings: {},
    training: perceptron,
    augmentation: [],
  },
  'deep-sets': { kind: 'deep-sets', settings: {}, ...weights },
  'set-transformer': { kind: 'set-transformer', settings: {}, ...weights },
  'nfn-np': { ...weightsAlone, settings: nfn, ...published('≈ 78.5', '≈ 68.2') },
  'nfn-np-augmented': { kind: 'nfn-np', settings: { ...nfn, canonicalSigns: false }, ...weights },
  'nfn-np-probes': { kind: 'nfn-np', settings: nfnProbes, training: {}, augmentation: defaultAugmentation },
  'nfn-hnp': { ...weightsAlone, kind: 'nfn-hnp', settings: nfn, ...published('≈ 79.1', '68.9') },
  nft: { kind: 'nft', settings: {}, ...weights },
  dws: { kind: 'dws', settings: {}, training: dwsTraining, augmentation: [] },
  'dws-augmented': {
    kind: 'dws',
    settings: {},
    training: dwsTraining,
    augmentation: defaultAugmentation,
    ...published('85.71', '67.06'),
  },
  'dws-canonical': { kind: 'dws', settings: {}, training: dwsTraining, augmentation: [], canonicalSigns: true },
  unf: { kind: 'unf', settings: {}, ...weights },
  gmn: { kind: 'gmn', settings: {}, ...weights },
  'ng-gnn': {
    kind: 'ng-gnn',
    settings: {},
    training: ngTraining,
    augmentation: ['sign'],
    ...published('91.4', '68.0'),
  },
  'ng-gnn-probes': {
    kind: 'ng-gnn',
    settings: { probes: 64 },
    training: ngTraining,
    augmentation: defaultAugmentation,
    ...published('≈ 98.0', '≈ 75'),
  },
  'ng-gnn-residual': { ...weightsAloneGraph, kind: 'ng-gnn', settings: { dropout: 0, residual: true } },
  'ng-gnn-residual-probes': {
    kind: 'ng-gnn',
    settings: { dropout: 0, residual: true, probes: 64 },
    training: weightsAloneGraph.training,
    augmentation: defaultAugmentation,
  },
  'ng-t': {
    kind: 'ng-t',
    settings: {},
    training: ngTraining,
    augmentation: ['sign'],
    ...published('≈ 92.4', '≈ 72.7'),
  },
  'ng-t-probes': {
    kind: 'ng-t',
    settings: { probes: 64 },
    training: ngTraining,
    augmentation: defaultAugmentation,
    ...published('≈ 97.3', '≈ 74.8'),
  },
  'scale-gmn': { kind: 'scale-gmn', settings: {}, training: { ...ngTraining, rate: 2e-3 }, augmentation: [] },
  'scale-gmn-b': {
    kind: 'scale-gmn-b',
    settings: {},
    training: { ...ngTraining, rate: 2e-3 },
    augmentation: [],
    ...published('≈ 96.6', '≈ 80.8'),
  },
  probes: { kind: 'probes', settings: {}, training: {}, augmentation: [...picture] },
  'probe-gen': { kind: 'probe-gen', settings: {}, training: {}, augmentation: [...picture] },
};

/** Names as `nfn-np without probes` of the models that `train` compares with. */
export const baselineRecipes: { readonly [name: string]: ModelRecipe } = {
  'nfn-np without probes': weightsAlone,
  'stat-nn': recipes['stat-nn']!,
  'flat-mlp': recipes['flat-mlp']!,
  'flat-mlp, permuted': recipes['flat-mlp-permuted']!,
};
