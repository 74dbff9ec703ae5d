/** @file Augmentations that leave the function as it is: order, sign and phase of neurons. */
import type { Architecture } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensors } from '@weightspace/compute';
import { actTensors, symmetryGroup } from '@weightspace/symmetry';
import type { SpaceGroup, SymmetryKind } from '@weightspace/symmetry';

import type { Augmentation } from './augmentation.ts';

/** Draws for every space with a symmetry, by its name; shape `[B, n]`, with all instances of a space in one row. */
const drawing =
  (kind: SymmetryKind, draw: (shape: readonly [number, number], stream: RandomStream, space: SpaceGroup) => NdArray) =>
  (architecture: Architecture, batch: number, stream: RandomStream): NdArrays =>
    Object.fromEntries(
      symmetryGroup(architecture, [kind]).spaces.map((space) => [
        space.name,
        draw([batch, space.size * (space.within?.instances ?? 1)], stream.split(space.name), space),
      ]),
    );

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
  draw: drawing('sign', signs),
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
  draw: drawing('phase', (shape, stream) => {
    const k = stream.uniform(shape, -reach, reach);
    return ndarray(k.data.map(Math.floor), k.shape);
  }),
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
  draw: drawing('scale', (shape, stream) => {
    const log = stream.uniform(shape, -Math.log1p(reach), Math.log1p(reach));
    return ndarray(log.data.map(Math.exp), log.shape);
  }),
  apply: actingWith('scale'),
});

/**
 * Orders the neurons of every hidden space at random, each network its own way; heads as blocks, and each head inside.
 */
export const permutation: Augmentation = {
  name: 'permutation',
  kind: 'exact',
  draw: drawing('permutation', (shape, stream, { size }) => {
    const data = new Int32Array(shape[0] * shape[1]);
    for (let start = 0; start < data.length; start += size) data.set(stream.permutation(size), start);
    return ndarray(data, shape);
  }),
  apply: actingWith('permutation'),
};
