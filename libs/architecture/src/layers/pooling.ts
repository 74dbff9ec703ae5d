/** @file Poolings over windows: what the largest and the mean share. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { perAxis } from '../checks.ts';
import type { Fields } from '../checks.ts';
import { isStacked } from '../stacked.ts';
import { needInputs } from './layer-kind.ts';
import type { LayerKind, LayerSpec } from './layer-kind.ts';
import { padPositions, windowPositions } from './window.ts';
import type { Window } from './window.ts';

/** Less than any value: padding that never wins. */
const LOWEST = -3.4e38;

export const poolKind = (mode: 'max' | 'average'): LayerKind => ({
  kind: `${mode}-pool`,
  settings: parse,
  declare: (layer, { inputs, place }) => {
    needInputs(layer, place, 1, 1);
    const window = windowOf(layer);
    window.padding.forEach((n, axis) => {
      if (2 * n <= window.kernel[axis]!) return;
      const expected = `at most half the kernel (${window.kernel[axis]}) on axis ${axis}`;
      throw new ArchitectureError('defineArchitecture', `${place}.padding`, expected, n);
    });
    return {
      label: inputs[0]!.label,
      positions: windowPositions(inputs[0]!, window, place),
      parameters: [],
      passes: true,
      breaks: mode === 'max' ? ['sign', 'phase'] : [],
    };
  },
  apply: (layer, _, [x], gain, { inputs, output }) => {
    const { positions, size } = inputs[0]!;
    const leading = isStacked(x!, positions) ? x!.shape.slice(0, 2) : x!.shape.slice(0, 1);
    const flat = tf.reshape(x!, [leading.reduce((n, m) => n * m, 1), ...positions, size]);
    const pooled = tf.reshape(poolWindows(flat, windowOf(layer), mode), [...leading, ...output.positions, size]);
    return gain === 1 ? pooled : tf.mul(pooled, gain);
  },
});

function parse({ kernel, strides, padding = 0 }: Fields, place: string): Fields {
  if (!Array.isArray(kernel) || kernel.length < 1 || kernel.length > 3) {
    throw new ArchitectureError('defineArchitecture', `${place}.kernel`, 'a list of 1 to 3 whole numbers ≥ 1', kernel);
  }
  const axes = kernel.length;
  return {
    kernel: perAxis(`${place}.kernel`, kernel, axes, 1),
    strides: perAxis(`${place}.strides`, strides ?? kernel, axes, 1),
    padding: perAxis(`${place}.padding`, padding, axes, 0),
  };
}

const windowOf = (layer: LayerSpec): Window => {
  const { kernel, strides, padding } = layer as unknown as Window;
  return { kernel, strides, padding, dilations: kernel.map(() => 1) };
};

/** @param x `[B, …positions, C]` */
function poolWindows(x: Tensor, { kernel, strides, padding }: Window, mode: 'max' | 'average'): Tensor {
  const padded = padPositions(x, padding, 1, mode === 'max' ? LOWEST : 0);
  const pool2d = (image: Tensor, size: readonly number[], step: readonly number[]) => {
    const [a, b] = [size as [number, number], step as [number, number]];
    const image4 = image as tf.Tensor4D;
    return mode === 'max' ? tf.maxPool(image4, a, b, 'valid') : tf.avgPool(image4, a, b, 'valid');
  };
  if (kernel.length === 2) return pool2d(padded, kernel, strides);
  if (kernel.length === 1) {
    return tf.squeeze(pool2d(tf.expandDims(padded, 1), [1, kernel[0]!], [1, strides[0]!]), [1]);
  }
  // Both modes are separable: first over height and width, then over depth.
  const [B, D, H, W, C] = padded.shape as [number, number, number, number, number];
  const flat = pool2d(tf.reshape(padded, [B * D, H, W, C]), kernel.slice(1), strides.slice(1));
  const [, height, width] = flat.shape as [number, number, number, number];
  const deep = pool2d(tf.reshape(flat, [B, D, height * width, C]), [kernel[0]!, 1], [strides[0]!, 1]);
  return tf.reshape(deep, [B, deep.shape[1]!, height, width, C]);
}
