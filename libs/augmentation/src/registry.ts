/** @file The augmentations that there are; a new one is a file and a line here. */
import { compose } from './augmentation.ts';
import type { Augmentation } from './augmentation.ts';
import { rotation, scaling, shear, translation } from './input-maps.ts';
import { permutation, phase, sign } from './neuron-symmetries.ts';
import { noise } from './noise.ts';

const registry: { readonly [name: string]: (strength?: number) => Augmentation } = {
  permutation: () => permutation,
  sign: () => sign,
  phase,
  translation,
  rotation,
  scaling,
  shear,
  noise,
};

export const augmentationNames = (): string[] => Object.keys(registry);

/**
 * Augmentations by name, one after another; `rotation:30` sets a strength.
 *
 * @throws {RangeError} on an unknown name or a strength that isn't a number
 */
export function augmentationsOf(names: readonly string[]): Augmentation {
  return compose(
    names.map((text) => {
      const [name = '', strength] = text.split(':');
      const make = registry[name];
      if (!make)
        throw new RangeError(`augmentationsOf: name must be one of ${augmentationNames().join(', ')}, got '${name}'`);
      if (strength !== undefined && !Number.isFinite(Number(strength)))
        throw new RangeError(`augmentationsOf: the strength of ${name} must be a number, got '${strength}'`);
      return make(strength === undefined ? undefined : Number(strength));
    }),
  );
}
