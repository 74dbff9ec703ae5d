/** @file The gradient of strided slices, which tfjs 4.22 lacks. */
import type { GradConfig } from '@tensorflow/tfjs';

import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

/** Puts the entries of an axis `step` apart from `start` on, zeros elsewhere. */
function placed(y: Tensor, axis: number, size: number, start: number, step: number): Tensor {
  const count = y.shape[axis]!;
  if (count === size) return y;
  const product = (sizes: readonly number[]) => sizes.reduce((p, q) => p * q, 1);
  const [outer, inner] = [product(y.shape.slice(0, axis)), product(y.shape.slice(axis + 1))];
  const none: [number, number] = [0, 0];
  const apart = tf.pad(tf.reshape(y, [outer, count, inner]), [none, none, [0, (step - 1) * inner]]);
  const length = Math.max(0, (count - 1) * step + 1);
  const cut = tf.slice(tf.reshape(apart, [outer, count * step, inner]), [0, 0, 0], [outer, length, inner]);
  const full = tf.pad(cut, [none, [start, size - start - length], none]);
  return tf.reshape(full, [...y.shape.slice(0, axis), size, ...y.shape.slice(axis + 1)]);
}

export const stridedSliceGradient: GradConfig['gradFunc'] = (dy, saved, attrs) => {
  const [x] = saved as [Tensor];
  const a = attrs as unknown as { begin: number[]; end: number[]; strides: number[] } & Record<string, number>;
  const masks = ['beginMask', 'endMask', 'ellipsisMask', 'newAxisMask', 'shrinkAxisMask'].map((name) => a[name] ?? 0);
  const info = tf.slice_util.sliceInfo(
    x.shape,
    a.begin,
    a.end,
    a.strides,
    ...(masks as [number, number, number, number, number]),
  );
  return {
    x: () => {
      const taken = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
      const backwards = info.strides.flatMap((step, axis) => (step < 0 ? [axis] : []));
      const given: Tensor = tf.reshape(dy as Tensor, taken);
      const forwards = backwards.length > 0 ? tf.reverse(given, backwards) : given;
      return taken.reduce((y, count, axis) => {
        const [from, step] = [info.begin[axis]!, info.strides[axis]!];
        return placed(y, axis, x.shape[axis]!, step < 0 ? from + (count - 1) * step : from, Math.abs(step));
      }, forwards);
    },
  };
};
