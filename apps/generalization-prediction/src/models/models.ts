/** @file Metanets as the app's settings name them. */
import { UsageError } from '@weightspace/experiment';
import { MetanetError, metanetKind, metanetKinds } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

import type { Rows } from '../zoo/load-rows.ts';
import { architecturesOf } from './make-learner.ts';
import { recipes } from './recipes.ts';
import { shareModel } from './shared-model.ts';

/** Settings of every kind, as the experiment's variants of `model.kind`. */
export const modelVariants = (): { readonly [kind: string]: Settings } =>
  Object.fromEntries(metanetKinds().map(({ kind, settings }) => [kind, settings]));

/** A kind's defaults with what its recipe changes. */
export const modelSetting = (name: string): { readonly kind: string } & Settings => {
  const { kind, settings } = recipes[name]!;
  return { ...metanetKind(kind).settings, ...settings, kind };
};

/** What is wrong with names of recipes; undefined when nothing is. */
export function problemOfRecipes(names: readonly string[]): string | undefined {
  if (names.length === 0) return `must be one or more of ${Object.keys(recipes).join(', ')}, got []`;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return `must be different names, got '${twice}' twice`;
  const unknown = names.find((name) => !Object.hasOwn(recipes, name));
  return unknown === undefined ? undefined : `must be of ${Object.keys(recipes).join(', ')}, got '${unknown}'`;
}

/** Those of the recipes that take the zoo's architectures. */
export function recipesFor(
  rows: Rows,
  names: readonly string[],
): { readonly taken: readonly string[]; readonly left: readonly string[] } {
  const architectures = architecturesOf(rows);
  const takes = (name: string): boolean => {
    try {
      shareModel(recipes[name]!, architectures);
      return true;
    } catch (error) {
      if (error instanceof UsageError || error instanceof MetanetError) return false;
      throw error;
    }
  };
  const taken = names.filter(takes);
  return { taken, left: names.filter((name) => !taken.includes(name)) };
}
