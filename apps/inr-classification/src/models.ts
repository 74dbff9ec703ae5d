/** @file The models of the comparison: each a kind, its settings, how it is trained, and on what augmentations. */
import type { Architecture } from '@weightspace/architecture';
import { augmentationsOf } from '@weightspace/augmentation';
import type { Augmentation } from '@weightspace/augmentation';
import { createMetanet, metanetKind, metanetKinds } from '@weightspace/metanet';
import type { Metanet, Settings } from '@weightspace/metanet';

import type { TrainingSettings } from './train-classifier.ts';

export interface ModelRecipe {
  readonly kind: string;
  readonly settings: Settings;
  readonly training: Partial<TrainingSettings>;
  readonly augmentation: readonly string[];
}

/** Moves that leave the digit's class: small, of the picture. */
const PICTURE = ['translation', 'rotation', 'scaling', 'shear'] as const;

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

/** Baselines by name; `baselines` in the config picks some of them. */
export const baselineRecipes: { readonly [name: string]: ModelRecipe } = {
  'nfn-np without probes': weightsAlone,
  'stat-nn': {
    kind: 'stat-nn',
    settings: { head: [256, 256] },
    training: { rate: 1e-3, epochs: 40 },
    augmentation: [...PICTURE],
  },
  'flat-mlp': { kind: 'flat-mlp', settings: {}, training: { rate: 1e-3, epochs: 40 }, augmentation: [] },
  'flat-mlp, permuted': {
    kind: 'flat-mlp',
    settings: {},
    training: { rate: 1e-3, epochs: 40 },
    augmentation: ['permutation'],
  },
};

export const defaultAugmentation: readonly string[] = [...PICTURE, 'sign'];

/** Settings of every kind, as the experiment's variants of `model.kind`. */
export const modelVariants = (): { readonly [kind: string]: Settings } =>
  Object.fromEntries(metanetKinds().map(({ kind, settings }) => [kind, settings]));

/** A kind's own defaults. */
export const settingsOf = (kind: string): Settings => metanetKind(kind).settings;

export function makeModel(architecture: Architecture, classes: number, kind: string, settings: Settings): Metanet {
  return createMetanet(kind, architecture, classes, settings);
}

export const makeAugmentation = (names: readonly string[]): Augmentation => augmentationsOf(names);
