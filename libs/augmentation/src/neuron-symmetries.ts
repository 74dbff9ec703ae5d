/** @file Augmentations that leave the function as it is: order, sign and phase of neurons. */
import type { Architecture, Space } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensors } from '@weightspace/compute';
import { actTensors } from '@weightspace/symmetry';

import type { Augmentation } from './augmentation.ts';

const spacesWith = ({ spaces }: Architecture, has: (space: Space) => boolean): Space[] =>
  spaces.filter((s) => s.free && has(s));

/** The group's action, with the draws of each space as one part of the networks' elements. */
const actingWith =
  (part: 'permutation' | 'sign' | 'shift' | 'scale'): Augmentation['apply'] =>
  (architecture, weights, draws) => {
    const element: Tensors = Object.fromEntries(Object.entries(draws).map(([space, d]) => [`${space}.${part}`, d]));
    return actTensors(architecture, element, weights);
  };

/**
 * Flips the sign of random neurons whose activation is odd: row, bias and outgoing columns.
 *
 * Symmetry used: σ(−z) = −σ(z), as for sine and tanh.
 */
export const sign: Augmentation = {
  name: 'sign',
  kind: 'exact',
  draw: (architecture, batch, stream) =>
    Object.fromEntries(
      spacesWith(architecture, (s) => s.symmetries.sign).map(({ name, size }) => [
        name,
        signs([batch, size], stream.split(name)),
      ]),
    ),
  apply: actingWith('sign'),
};

function signs(shape: readonly number[], stream: RandomStream): NdArray {
  const drawn = stream.bernoulli(shape, 0.5);
  for (let i = 0; i < drawn.data.length; i++) drawn.data[i] = 2 * drawn.data[i]! - 1;
  return drawn;
}

/**
 * Shifts the phase of random sine neurons by kπ: bias + kπ/ω, and outgoing columns times (−1)ᵏ.
 *
 * @param reach k is uniform in −reach … reach − 1
 * Symmetry used: sin(z + kπ) = (−1)ᵏ sin z.
 */
export const phase = (reach = 1): Augmentation => ({
  name: 'phase',
  kind: 'exact',
  draw: (architecture, batch, stream) =>
    Object.fromEntries(
      spacesWith(architecture, (s) => s.symmetries.phase !== undefined).map(({ name, size }) => {
        const k = stream.split(name).uniform([batch, size], -reach, reach);
        return [name, ndarray(k.data.map(Math.floor), k.shape)];
      }),
    ),
  apply: actingWith('shift'),
});

/**
 * Multiplies random ReLU neurons' rows and biases by c > 0, and divides their outgoing columns by it.
 *
 * @param reach log c is uniform in ±log(1 + reach)
 * Symmetry used: σ(c z) = c σ(z), as for ReLU and leaky ReLU.
 */
export const positiveScale = (reach = 1): Augmentation => ({
  name: 'positive-scale',
  kind: 'exact',
  draw: (architecture, batch, stream) =>
    Object.fromEntries(
      spacesWith(architecture, (s) => s.symmetries.scale).map(({ name, size }) => {
        const log = stream.split(name).uniform([batch, size], -Math.log1p(reach), Math.log1p(reach));
        return [name, ndarray(log.data.map(Math.exp), log.shape)];
      }),
    ),
  apply: actingWith('scale'),
});

/** Orders the neurons of every hidden space at random, each network its own way. */
export const permutation: Augmentation = {
  name: 'permutation',
  kind: 'exact',
  draw: (architecture, batch, stream): NdArrays =>
    Object.fromEntries(
      spacesWith(architecture, () => true).map(({ name, size }) => {
        const data = new Int32Array(batch * size);
        const own = stream.split(name);
        for (let b = 0; b < batch; b++) data.set(own.permutation(size), b * size);
        return [name, ndarray(data, [batch, size])];
      }),
    ),
  apply: actingWith('permutation'),
};
