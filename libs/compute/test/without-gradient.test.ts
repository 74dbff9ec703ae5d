import { compile, tf, valueAndGrads, withoutGradient } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { expect, test } from 'vitest';

const x = { dtype: 'float32' as const, shape: [3], data: Float32Array.of(2, 3, 1) };
const gradientOf = (loss: (x: Tensor) => Tensor, device: 'cpu' | 'eager') => {
  const f = compile((points: Tensors) => valueAndGrads((p) => loss(p['x']!), points).grads, { device, threads: 1 });
  return f({ x }) as Promise<NdArrays>;
};

test.each(['cpu', 'eager'] as const)('withoutGradient makes a constant of what is inside, on %s', async (device) => {
  const half = await gradientOf(
    (p) =>
      tf.sum(
        tf.mul(
          p,
          withoutGradient(() => tf.mul(p, 1) as Tensor),
        ),
      ),
    device,
  );
  expect(Array.from(half['x']!.data)).toEqual([2, 3, 1]);
  const whole = await gradientOf((p) => tf.sum(tf.mul(p, tf.mul(p, 1))), device);
  expect(Array.from(whole['x']!.data)).toEqual([4, 6, 2]);
});

test('withoutGradient lets values be sorted by what they are', async () => {
  const sorted = (order: (p: Tensor) => Tensor) => (p: Tensor) =>
    tf.sum(tf.mul(tf.gather(p, order(p) as tf.Tensor1D), [1, 2, 3]));
  const grads = await gradientOf(
    sorted((p) => withoutGradient(() => tf.topk(p, 3).indices)),
    'cpu',
  );
  expect(Array.from(grads['x']!.data)).toEqual([2, 1, 3]);
  await expect(
    gradientOf(
      sorted((p) => tf.topk(p, 3).indices),
      'cpu',
    ),
  ).rejects.toThrow('float32');
});

test('withoutGradient leaves the tape as it was when the function throws', async () => {
  const grads = await gradientOf((p) => {
    expect(() =>
      withoutGradient(() => {
        throw new Error('no');
      }),
    ).toThrow('no');
    return tf.sum(tf.square(p));
  }, 'eager');
  expect(Array.from(grads['x']!.data)).toEqual([4, 6, 2]);
});
