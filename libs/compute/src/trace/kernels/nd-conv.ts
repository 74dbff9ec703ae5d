/** @file Convolution over any number of spatial axes, channels second, with both gradients; what the kernels are written with. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';

/** `[N, …space, C]` → `[N, C, …space]` and back. */
export const toChannelsFirst = (b: Builder, x: Value): Value => {
  const last = x.shape.length - 1;
  return b.transpose(x, [0, last, ...spatialAxes(x).map((axis) => axis - 1)]);
};
export const toChannelsLast = (b: Builder, x: Value): Value => b.transpose(x, [0, ...spatialAxes(x), 1]);

/** The axes after batch and channels. */
const spatialAxes = (x: Value): number[] => x.shape.slice(2).map((_, i) => i + 2);

export interface ConvGeometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Before each spatial axis, then after each: top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
}

const padding = (g: ConvGeometry, axis: number): number => g.pads[axis]! + g.pads[axis + g.kernel.length]!;
const extent = (g: ConvGeometry, axis: number): number => g.dilations[axis]! * (g.kernel[axis]! - 1) + 1;

const outputSize = (size: number, g: ConvGeometry, axis: number): number =>
  Math.floor((size + padding(g, axis) - extent(g, axis)) / g.strides[axis]!) + 1;

/** @param x `[N, I, …space]` @param w `[O, I/groups, …kernel]` @returns `[N, O, …space']` */
export function conv(b: Builder, x: Value, w: Value, g: ConvGeometry): Value {
  const space = x.shape.slice(2).map((size, axis) => outputSize(size, g, axis));
  return b.graph.add('Conv', [x, w], { shape: [x.shape[0]!, w.shape[0]!, ...space], type: 'float32' }, attributesOf(g));
}

const attributesOf = (g: ConvGeometry) => ({
  kernel_shape: g.kernel,
  strides: g.strides,
  pads: g.pads,
  dilations: g.dilations,
  group: g.groups,
});

/** Gradient of `conv` for its input: a transposed convolution, with what the strides left over padded at the end. */
export function convInputGradient(
  b: Builder,
  dy: Value,
  w: Value,
  inputShape: readonly number[],
  g: ConvGeometry,
): Value {
  const leftover = g.kernel.map((_, axis) => {
    const covered = (dy.shape[axis + 2]! - 1) * g.strides[axis]! + extent(g, axis);
    return inputShape[axis + 2]! - (covered - padding(g, axis));
  });
  const attributes = { ...attributesOf(g), output_padding: leftover };
  return b.graph.add('ConvTranspose', [dy, w], { shape: inputShape, type: 'float32' }, attributes);
}

/**
 * Gradient of `conv` for its filter: the input convolved with the output's gradient as kernel,
 * batch and channels in each other's place.
 *
 * @returns `[O, I/groups, …kernel]`
 */
export function convFilterGradient(b: Builder, x: Value, dy: Value, g: ConvGeometry): Value {
  const [batch, channels, ...space] = x.shape as [number, number, ...number[]];
  const [, outputs, ...dySpace] = dy.shape as [number, number, ...number[]];
  const each = channels / g.groups;
  const swapped = [1, 0, ...spatialAxes(x)];
  const grouped = b.transpose(b.reshape(x, [batch, g.groups, each, ...space]), [
    2,
    1,
    0,
    ...space.map((_, axis) => axis + 3),
  ]);
  const images = b.reshape(grouped, [each, g.groups * batch, ...space]);
  const geometry = { ...g, kernel: dySpace, strides: g.dilations, dilations: g.strides };
  const full = conv(b, images, b.transpose(dy, swapped), geometry);
  // Strides that don't divide leave rows over that no filter position reaches.
  const cut = b.slice(
    full,
    full.shape.map(() => 0),
    [each, outputs, ...g.kernel],
  );
  return b.transpose(cut, swapped);
}
