/** @file The augmentations that there are; a new one is a file and a line here. */
import { AugmentationError } from './augmentation-error.ts';
import { compose } from './augmentation.ts';
import type { Augmentation } from './augmentation.ts';
import { deepTranslation } from './deep-translation.ts';
import { rotation, scaling, shear, translation } from './input-maps.ts';
import { permutation, phase, positiveScale, sign } from './neuron-symmetries.ts';
import { noise } from './noise.ts';
import { dropout, quantile } from './sparsity.ts';

interface Entry {
  readonly make: (strength?: number) => Augmentation;
  /** What a strength must be, in words; undefined where there is none. */
  readonly strength?: readonly [fits: (strength: number) => boolean, expected: string];
}

const registry = new Map<string, Entry>();
const above: Entry['strength'] = [(s) => s > 0 && s < Infinity, 'a number above 0'];
const notBelow: Entry['strength'] = [(s) => s >= 0 && s < Infinity, 'a number ≥ 0'];
const share: Entry['strength'] = [(s) => s >= 0 && s < 1, 'a number from 0 to below 1'];
const whole: Entry['strength'] = [(s) => Number.isSafeInteger(s) && s > 0, 'a whole number above 0'];

/** @throws {AugmentationError} when the name is taken */
export function registerAugmentation(name: string, make: Entry['make'], strength?: Entry['strength']): void {
  if (registry.has(name)) throw new AugmentationError('registerAugmentation', `name '${name}' is taken; rename it`);
  registry.set(name, { make, strength });
}

registerAugmentation('permutation', () => permutation);
registerAugmentation('sign', () => sign);
registerAugmentation('phase', phase, whole);
registerAugmentation('positive-scale', positiveScale, above);
registerAugmentation('translation', translation, notBelow);
registerAugmentation('rotation', rotation, notBelow);
registerAugmentation('scaling', scaling, notBelow);
registerAugmentation('shear', shear, notBelow);
registerAugmentation('deep-translation', deepTranslation, notBelow);
registerAugmentation('noise', noise, notBelow);
registerAugmentation('dropout', dropout, share);
registerAugmentation('quantile', quantile, share);

export const augmentationNames = (): string[] => [...registry.keys()];

/**
 * Augmentations by name, one after another; `rotation:30` sets a strength.
 *
 * @throws {AugmentationError} on an unknown name, or a strength that the augmentation doesn't take
 */
export const augmentationsOf = (names: readonly string[]): Augmentation => compose(names.map(augmentationOf));

function augmentationOf(text: string): Augmentation {
  const colon = text.indexOf(':');
  const [name, given] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
  const fail = (message: string): never => {
    throw new AugmentationError('augmentationsOf', message);
  };
  const entry = registry.get(name) ?? fail(`name must be one of ${augmentationNames().join(', ')}, got '${name}'`);
  if (given === undefined) return entry.make();
  const [fits, expected] = entry.strength ?? fail(`${name} takes no strength, got '${given}'`);
  const strength = given.trim() === '' ? NaN : Number(given);
  if (!fits(strength)) fail(`the strength of ${name} must be ${expected}, got '${given}'`);
  return entry.make(strength);
}
