/** @file Augmentations that leave the function as it is: order, sign and phase of neurons. */
import type { Architecture, Space } from '@weightspace/architecture';
import { mapValues, ndarray, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor } from '@weightspace/compute';

import type { Augmentation } from './augmentation.ts';

const spacesWith = ({ spaces }: Architecture, has: (space: Space) => boolean): Space[] =>
  spaces.filter((s) => s.free && has(s));

/** `[B, …]` with factors `[B, n]` along an axis of the parameter. */
function scaleAxis(x: Tensor, factors_bn: Tensor, axis: number): Tensor {
  const shape = x.shape.map((size, i) => (i === 0 || i === axis + 1 ? size : 1));
  return tf.mul(x, tf.reshape(factors_bn, shape));
}

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
  apply: (architecture, weights, draws) =>
    Object.fromEntries(
      architecture.parameters.map(({ name, axes }) => [
        name,
        axes.reduce((x, space, axis) => (draws[space] ? scaleAxis(x, draws[space], axis) : x), weights[name]!),
      ]),
    ),
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
  apply: (architecture, weights, draws) => {
    const shift = new Map(architecture.spaces.map((s) => [s.name, s.symmetries.phase ?? 0]));
    const parity = mapValues(draws, (k) => tf.sub(1, tf.mul(2, tf.mod(k, 2))) as Tensor);
    return Object.fromEntries(
      architecture.parameters.map(({ name, axes, roles, kind }) => {
        const read = axes.reduce(
          (x, space, axis) => (roles[axis] === 'in' && parity[space] ? scaleAxis(x, parity[space], axis) : x),
          weights[name]!,
        );
        const space = axes[0]!;
        const moves = kind === 'bias' && draws[space];
        return [name, moves ? (tf.add(read, tf.mul(moves, shift.get(space)!)) as Tensor) : read];
      }),
    );
  },
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
  apply: (architecture, weights, draws) =>
    Object.fromEntries(
      architecture.parameters.map(({ name, axes }) => [
        name,
        axes.reduce((x, space, axis) => (draws[space] ? gatherAxis(x, draws[space], axis + 1) : x), weights[name]!),
      ]),
    ),
};

function gatherAxis(x: Tensor, order_bn: Tensor, axis: number): Tensor {
  if (axis === 1) return tf.gather(x, order_bn as tf.Tensor1D, 1, 1);
  const swap = x.shape.map((_, i) => (i === 1 ? axis : i === axis ? 1 : i));
  return tf.transpose(tf.gather(tf.transpose(x, swap), order_bn as tf.Tensor1D, 1, 1), swap);
}
