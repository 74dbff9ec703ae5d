/** @file From raw weights to channels: normalization, Fourier features, positions of inputs and outputs. */
import { mapValues, ndarray, scalar, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Layout, TensorLayout } from '../blocks/layout.ts';

/** Root mean square of each parameter over all networks and entries; a scalar each, so that dividing by it is equivariant. */
export function measureScales(weights: NdArrays): NdArrays {
  return mapValues(weights, ({ data }) => {
    let sum = 0;
    for (const x of data) sum += x * x;
    return scalar(Math.sqrt(sum / data.length) || 1);
  });
}

/** Frequencies of `fourierFeatures`: N(0, deviation²); shape `[1, M]`. */
export const fourierFrequencies = (count: number, deviation: number, stream: RandomStream): NdArray<'float32'> =>
  stream.normal([1, count], 0, deviation);

/**
 * Gaussian Fourier features of every entry.
 *
 *     γ(w) = [sin 2π f w, cos 2π f w]
 *
 * @param w any shape @param f_1m shape `[1, M]` @returns shape `[…, 2M]`
 * Source: Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions", arXiv:2006.10739, eq. 5.
 * Departs: nothing.
 */
export function fourierFeatures(w: Tensor, f_1m: Tensor): Tensor {
  const phase = tf.matMul(tf.reshape(w, [w.size, 1]), tf.mul(f_1m, 2 * Math.PI));
  return tf.reshape(tf.concat([tf.sin(phase), tf.cos(phase)], 1), [...w.shape, 2 * f_1m.shape[1]!]);
}

export type PositionEncoding = 'none' | 'learned' | 'sinusoidal';

/** Axes of a block that index inputs or outputs, whose order has a meaning. */
const fixedAxes = (t: TensorLayout, fixed: ReadonlySet<string>): number[] =>
  t.labels.flatMap((space, axis) => (fixed.has(space) ? [axis] : []));

export interface PositionContext {
  readonly layout: Layout;
  /** Names of the spaces of inputs and outputs. */
  readonly fixed: ReadonlySet<string>;
}

/** A learned N(0, 1) vector per input (columns of the first weight) and per output (rows of the last weight, last bias). */
export function positionParameters(
  { layout, fixed }: PositionContext,
  channels: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  return Object.fromEntries(
    layout.tensors.flatMap((t) => {
      const axes = fixedAxes(t, fixed);
      if (axes.length === 0) return [];
      const shape = [1, ...t.shape.map((size, axis) => (axes.includes(axis) ? size : 1)), channels];
      return [[`position.${t.name}`, stream.split(t.name).normal(shape)]];
    }),
  );
}

/** Channels that `sinusoidal` positions add: sine and cosine per band, and the position itself. */
export const sinusoidalChannels = (bands: number): number => 2 * bands + 1;

/**
 * The sum of the codes [sin πfx, cos πfx, x] of an entry's input and output; x from −1 to 1, f from 1 to 5 in equal
 * steps. (Whole numbers wouldn't do: two inputs lie at ±1, where every sine is 0 and the cosines agree.)
 *
 * @returns by parameter; shape `[1, …shape, 2 bands + 1]`; 0 where a parameter has neither
 * Source: Zhou et al. 2023, arXiv:2302.14040, appendix C, with the public code's largest frequency of 10/2.
 * Departs: a single input or output lies at 0, not at −1.
 */
export function sinusoidalCodes({ layout, fixed }: PositionContext, bands: number): NdArrays {
  const channels = sinusoidalChannels(bands);
  return Object.fromEntries(
    layout.tensors.map((t) => {
      const axes = fixedAxes(t, fixed);
      const size = t.shape.reduce((n, m) => n * m, 1);
      const data = new Float32Array(size * channels);
      for (let entry = 0; entry < size; entry++) {
        for (const axis of axes) addCode(data, entry * channels, positionOf(entry, axis, t.shape), bands);
      }
      return [t.name, ndarray(data, [1, ...t.shape, channels])];
    }),
  );
}

function positionOf(entry: number, axis: number, shape: readonly number[]): number {
  const after = shape.slice(axis + 1).reduce((n, m) => n * m, 1);
  const index = Math.floor(entry / after) % shape[axis]!;
  return shape[axis] === 1 ? 0 : -1 + (2 * index) / (shape[axis]! - 1);
}

const HIGHEST_FREQUENCY = 5;

function addCode(data: Float32Array, at: number, x: number, bands: number): void {
  for (let band = 0; band < bands; band++) {
    const frequency = bands === 1 ? 1 : 1 + (band * (HIGHEST_FREQUENCY - 1)) / (bands - 1);
    data[at + band]! += Math.sin(Math.PI * frequency * x);
    data[at + bands + band]! += Math.cos(Math.PI * frequency * x);
  }
  data[at + 2 * bands]! += x;
}

/** From `[B, …shape, C]` to the layout's `[B, …permutable axes, folded · C]`. */
export function fold(t: TensorLayout, x: Tensor): Tensor {
  const others = t.shape.flatMap((_, axis) => (t.axes.includes(axis) ? [] : [axis]));
  if (others.length === 0) return x;
  const order = [0, ...t.axes.map((a) => a + 1), ...others.map((a) => a + 1), t.shape.length + 1];
  const sizes = t.axes.map((axis) => t.shape[axis]!);
  return tf.reshape(tf.transpose(x, order), [x.shape[0]!, ...sizes, t.folded * x.shape.at(-1)!]);
}

/** The inverse of `fold`: from `[B, …permutable axes, folded · C]` to `[B, …shape, C]`. */
export function unfold(t: TensorLayout, x: Tensor): Tensor {
  const others = t.shape.flatMap((_, axis) => (t.axes.includes(axis) ? [] : [axis]));
  const order = [...t.axes, ...others];
  const channels = x.shape.at(-1)! / t.folded;
  const apart: Tensor = tf.reshape(x, [x.shape[0]!, ...order.map((axis) => t.shape[axis]!), channels]);
  if (others.length === 0) return apart;
  const back = t.shape.map((_, axis) => order.indexOf(axis) + 1);
  return tf.transpose(apart, [0, ...back, t.shape.length + 1]);
}

export const foldAll = ({ tensors }: Layout, x: Tensors): Record<string, Tensor> =>
  Object.fromEntries(tensors.map((t) => [t.name, fold(t, x[t.name]!)]));
