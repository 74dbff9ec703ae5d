import { defineArchitecture, mlp, siren } from '@weightspace/architecture';
import { AugmentationError, registerAugmentation, rotation, shear, sign, translation } from '@weightspace/augmentation';
import { describe, expect, test } from 'vitest';

import { stream } from './networks.ts';

const skip = defineArchitecture({
  schema: 'weightspace-architecture/1',
  name: 'skip',
  inputs: [{ name: 'x', size: 2 }],
  layers: [
    { name: 'a', kind: 'linear', inputs: ['x'], output: 'h', size: 2, activation: 'tanh' },
    { name: 's', kind: 'add', inputs: ['x', 'h'], output: 'y' },
  ],
  output: 'y',
});

describe('input maps refuse', () => {
  test.each([
    [rotation(), siren({ sizes: [1, 4, 2] }), 'rotation: the network must have 2 or more inputs, got 1'],
    [shear(), siren({ sizes: [1, 4, 2] }), 'shear: the network must have 2 or more inputs, got 1'],
    [
      translation(),
      mlp({ sizes: [2, 3, 1], bias: false }),
      "translation: layer 'layer1' must have a bias, which carries the shift",
    ],
    [translation(), skip, "translation: the input must be read by linear layers, got 's' (add)"],
  ])('what they are not exact for (%#)', (augmentation, architecture, message) => {
    expect(() => augmentation.draw(architecture, 3, stream('x'))).toThrow(AugmentationError);
    expect(() => augmentation.draw(architecture, 3, stream('x'))).toThrow(message);
  });
});

describe('registerAugmentation', () => {
  test('refuses a name that is taken', () => {
    expect(() => registerAugmentation('sign', () => sign)).toThrow(
      "registerAugmentation: name 'sign' is taken; rename it",
    );
  });
});
