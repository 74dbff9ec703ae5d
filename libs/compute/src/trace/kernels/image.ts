/** @file Resizing of images. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { resizeMatrix, resizeOptions } from '../resize.ts';
import type { ResizeOptions } from '../resize.ts';
import type { Attrs, TraceKernel } from '../trace-backend.ts';
import { matMul } from './matmul.ts';

function resize(b: Builder, images: Value, attrs: Attrs, method: ResizeOptions['method']): Value {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [rows, columns]: [number, number] = attrs['size']!;
  const options = resizeOptions(method, attrs);
  const matrix = (from: number, to: number) =>
    b.reshape(b.graph.constant(resizeMatrix(from, to, options)), [1, to, from]);
  const x = b.reshape(b.cast(images, 'float32'), [batch, height, width * channels]);
  const down = b.reshape(matMul(b, matrix(height, rows), x, false, false), [batch * rows, width, channels]);
  const across = matMul(b, matrix(width, columns), down, false, false);
  const resized = b.reshape(across, [batch, rows, columns, channels]);
  return method === 'nearest' ? b.cast(resized, images.type) : resized;
}

export const images: { readonly [kernelName: string]: TraceKernel } = {
  ResizeBilinear: (b, inputs, attrs) => resize(b, inputs['images']!, attrs, 'bilinear'),
  ResizeNearestNeighbor: (b, inputs, attrs) => resize(b, inputs['images']!, attrs, 'nearest'),
};
