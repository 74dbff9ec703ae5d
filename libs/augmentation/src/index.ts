export { compose } from './augmentation.ts';
export type { Augmentation } from './augmentation.ts';
export { inputMap, rotation, scaling, shear, translation } from './input-maps.ts';
export { permutation, phase, positiveScale, sign } from './neuron-symmetries.ts';
export { noise } from './noise.ts';
export { augmentationNames, augmentationsOf, registerAugmentation } from './registry.ts';
export { AugmentationError } from './augmentation-error.ts';
