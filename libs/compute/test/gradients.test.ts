import { ndarray, RandomStream, tf, toTensor } from '@weightspace/compute';
import { compile } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(5);
const real = (label: string, shape: number[]) => stream.split(label).uniform(shape, -2, 2);
const weigh = (y: Tensor): Tensor => tf.sum(tf.sin(tf.add(y, 1)));

/** Largest difference between the compiled gradient and central differences, relative to the largest slope. */
async function gradientGap(f: (x: Tensor) => Tensor, x: NdArray<'float32'>): Promise<number> {
  const gradient = compile(((t: Tensor) => tf.grad((u) => weigh(f(u)))(t)) as never, { threads: 1 }) as unknown as (
    x: NdArray,
  ) => Promise<NdArray>;
  const value = compile(((t: Tensor) => weigh(f(t))) as never, { threads: 1 }) as unknown as (
    x: NdArray,
  ) => Promise<NdArray>;
  const analytic = (await gradient(x)).data;
  let [worst, slope] = [0, 0];
  for (let i = 0; i < x.data.length; i++) {
    const at = async (d: number) => {
      const moved = x.data.slice();
      moved[i]! += d;
      return (await value(ndarray(moved, x.shape))).data[0]!;
    };
    const numeric = ((await at(5e-3)) - (await at(-5e-3))) / 1e-2;
    worst = Math.max(worst, Math.abs(numeric - analytic[i]!));
    slope = Math.max(slope, Math.abs(numeric));
  }
  return worst / slope;
}

const zeroed = toTensor(real('product with a zero', [2, 4]));
const other = toTensor(real('other', [3, 1]));
const mended: readonly (readonly [string, (x: Tensor) => Tensor, number[]])[] = [
  ['cumsum over the first axis', (x) => tf.cumsum(x, 0), [4, 4]],
  ['reversed exclusive cumsum over the middle axis', (x) => tf.cumsum(x, 1, true, true), [2, 3, 4]],
  ['the largest three', (x) => tf.topk(x, 3).values, [2, 5]],
  ['relu off its kink', (x) => tf.relu(tf.add(x, tf.sign(x))), [3, 4]],
  ['product with a shared left matrix', (x) => tf.matMul(x, toTensor(real('batch', [3, 4, 2]))), [1, 2, 4]],
  [
    'product with a shared right matrix, both transposed',
    (x) => tf.matMul(toTensor(real('batch', [3, 4, 2])), x, true, true),
    [1, 3, 4],
  ],
  ['maximum with a broadcast', (x) => tf.maximum(x, other), [4]],
  ['minimum with a broadcast', (x) => tf.minimum(other, x), [4]],
  ['squared difference with a broadcast', (x) => tf.squaredDifference(x, other), [4]],
  ['average pooling with padding', (x) => tf.avgPool(x as tf.Tensor4D, [3, 2], 1, 'same'), [1, 4, 3, 2]],
  ['average pooling with padding and strides', (x) => tf.avgPool(x as tf.Tensor4D, [2, 2], 2, 'same'), [1, 5, 3, 2]],
  ['product of two broadcast batches', (x) => tf.matMul(x, toTensor(real('broad', [1, 3, 4, 2]))), [2, 1, 3, 4]],
  ['product over nothing but one row', (x) => tf.prod(x, 0), [1, 4]],
  ['product with a zero', (x) => tf.prod(tf.sub(x, tf.mul(zeroed, [1, 0, 0, 0])), 1), [2, 4]],
  ['choice by a comparison', (x) => tf.where(tf.greater(x, 0.3), tf.square(x), tf.sin(x)), [3, 4]],
  ['slice with strides, backwards', (x) => tf.stridedSlice(x, [-1, 5], [-4, 0], [-2, -1]), [4, 6]],
  [
    'dilated convolution',
    (x) => tf.conv2d(x as tf.Tensor4D, toTensor(real('w', [3, 2, 2, 3])) as tf.Tensor4D, 1, 'same', 'NHWC', [2, 1]),
    [1, 5, 4, 2],
  ],
  [
    'filter of a dilated depthwise convolution',
    (w) =>
      tf.depthwiseConv2d(toTensor(real('x', [1, 6, 5, 2])) as tf.Tensor4D, w as tf.Tensor4D, 1, 'valid', 'NHWC', 2),
    [2, 2, 2, 3],
  ],
  ['bilinear resizing', (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [5, 2]), [1, 3, 4, 2]],
  ['nearest resizing', (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [5, 2], false, true), [1, 3, 4, 2]],
  ['maximum pooling of volumes with overlap', (x) => tf.maxPool3d(x as tf.Tensor5D, 2, 1, 'valid'), [1, 3, 2, 3, 1]],
  ['average pooling of volumes with padding', (x) => tf.avgPool3d(x as tf.Tensor5D, 2, 1, 'same'), [1, 2, 3, 4, 2]],
  ['maximum pooling with overlap', (x) => tf.maxPool(x as tf.Tensor4D, [3, 3], 2, 'valid'), [1, 7, 5, 2]],
];

describe('gradients that tfjs has wrong or lacks', () => {
  test.each(mended)('%s has the gradient that differences give', async (name, f, shape) => {
    expect(await gradientGap(f, real(name, shape))).toBeLessThan(5e-3);
  });

  test('the check finds a gradient that is wrong', async () => {
    const wrong = tf.customGrad((x) => ({ value: tf.square(x as Tensor), gradFunc: (dy: Tensor) => dy })) as (
      x: Tensor,
    ) => Tensor;
    expect(await gradientGap(wrong, real('wrong', [4]))).toBeGreaterThan(0.1);
  });
});
