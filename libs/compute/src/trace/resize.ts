/** @file Resizing images as a product with one matrix per axis, which makes the gradient one with their transposes. */
import type { GradConfig, NamedAttrMap } from '@tensorflow/tfjs';

import type { NdArray } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

export interface ResizeOptions {
  readonly method: 'bilinear' | 'nearest';
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/**
 * How much each old row gives to each new one.
 *
 * @returns shape `[to, from]`
 * Source: tfjs 4.22, kernels ResizeBilinear and ResizeNearestNeighbor of its cpu backend. Departs: nothing.
 */
export function resizeMatrix(from: number, to: number, options: ResizeOptions): NdArray<'float32'> {
  const { method, alignCorners, halfPixelCenters } = options;
  const corners = alignCorners && to > 1 ? 1 : 0;
  const ratio = (from - corners) / (to - corners);
  const data = new Float32Array(to * from);
  for (let row = 0; row < to; row++) {
    const add = (column: number, share: number) => (data[row * from + column]! += share);
    if (method === 'nearest') {
      const at = halfPixelCenters ? ratio * (row + 0.5) : ratio * row;
      add(Math.max(0, Math.min(from - 1, alignCorners ? Math.round(at) : Math.floor(at))), 1);
      continue;
    }
    const at = halfPixelCenters ? ratio * (row + 0.5) - 0.5 : ratio * row;
    const [below, above] = [Math.max(0, Math.floor(at)), Math.min(from - 1, Math.ceil(at))];
    add(below, 1 - (at - below));
    add(above, at - below);
  }
  return { dtype: 'float32', shape: [to, from], data };
}

export const resizeOptions = (method: ResizeOptions['method'], attrs: NamedAttrMap | undefined): ResizeOptions => ({
  method,
  alignCorners: Boolean(attrs?.['alignCorners']),
  halfPixelCenters: Boolean(attrs?.['halfPixelCenters']),
});

/** tfjs 4.22 gives it with rows and columns in each other's place, and none for half pixel centers. */
export function resizeGradient(method: ResizeOptions['method']): GradConfig['gradFunc'] {
  return (dy, saved, attrs) => {
    const [images] = saved as [tf.Tensor4D];
    const [batch, height, width, channels] = images.shape;
    const [, rows, columns] = (dy as tf.Tensor4D).shape;
    const matrix = (from: number, to: number): Tensor => {
      const { data, shape } = resizeMatrix(from, to, resizeOptions(method, attrs));
      return tf.tensor2d(data, shape as [number, number]);
    };
    const back = (from: number, to: number, y: Tensor) => tf.matMul(matrix(from, to).expandDims(0), y, true);
    return {
      images: () => {
        const across = back(width, columns, tf.reshape(dy as Tensor, [batch * rows, columns, channels]));
        return tf.reshape(back(height, rows, tf.reshape(across, [batch, rows, width * channels])), images.shape);
      },
    };
  };
}
