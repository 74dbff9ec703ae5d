/** @file Metanets and augmentations as the app's settings name them. */
import type { Architecture } from '@weightspace/architecture';
import { augmentationsOf, mixupOf } from '@weightspace/augmentation';
import type { Augmentation, Mixup } from '@weightspace/augmentation';
import { createMetanet, metanetKind, metanetKinds, withCanonicalSigns } from '@weightspace/metanet';
import type { Metanet, Settings } from '@weightspace/metanet';

import { recipes } from './recipes.ts';
import type { ModelRecipe } from './recipes.ts';

/** Settings of every kind, as the experiment's variants of `model.kind`. */
export const modelVariants = (): { readonly [kind: string]: Settings } =>
  Object.fromEntries(metanetKinds().map(({ kind, settings }) => [kind, settings]));

/** A kind's own defaults. */
export const settingsOf = (kind: string): Settings => metanetKind(kind).settings;

export function makeModel(architecture: Architecture, classes: number, kind: string, settings: Settings): Metanet {
  return createMetanet(kind, architecture, classes, settings);
}

/** The model that a recipe names. */
export function modelOf(
  { kind, settings, canonicalSigns = false }: ModelRecipe,
  architecture: Architecture,
  classes: number,
): Metanet {
  const model = makeModel(architecture, classes, kind, settings);
  return canonicalSigns ? withCanonicalSigns(model) : model;
}

export const makeAugmentation = (names: readonly string[]): Augmentation => augmentationsOf(names);

/** @returns undefined for 'none' */
export const makeMixup = (name: string): Mixup | undefined => (name === 'none' ? undefined : mixupOf(name));

const kinds = (): Set<string> => new Set(metanetKinds().map(({ kind }) => kind));

/** Names of the recipes whose kind is registered. */
export function availableRecipes(): string[] {
  const known = kinds();
  return Object.keys(recipes).filter((name) => known.has(recipes[name]!.kind));
}

/** What is wrong with names of recipes; undefined when nothing is. */
export function problemOfRecipes(names: readonly string[]): string | undefined {
  if (names.length === 0) return 'must be one or more names of recipes, got []';
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return `must be different names, got '${twice}' twice`;
  const unknown = names.find((name) => !Object.hasOwn(recipes, name));
  if (unknown !== undefined) return `must be of ${availableRecipes().join(', ')}, got '${unknown}'`;
  const missing = names.find((name) => !kinds().has(recipes[name]!.kind));
  return missing === undefined
    ? undefined
    : `'${missing}' needs the metanet '${recipes[missing]!.kind}', which isn't registered; registered are ${[...kinds()].join(', ')}`;
}
