import { compile, RandomStream, ShapeError, stackedConv2d, stackedLinear, tf, toTensor } from '@weightspace/compute';
import type { NdArray, StackedConv2dOptions, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(9);
const real = (label: string, shape: number[]) => stream.split(label).normal(shape);
type Call = (...args: NdArray[]) => Promise<NdArray[]>;
const run = (f: (...xs: Tensor[]) => Tensor[], device: 'cpu' | 'eager'): Call =>
  compile(f as never, { device, threads: 1 }) as never;

function expectClose(actual: NdArray, expected: NdArray, rtol = 2e-6): void {
  expect(actual.shape).toEqual(expected.shape);
  const scale = Math.max(...Array.from(expected.data, Math.abs));
  actual.data.forEach((value, i) => expect(Math.abs(value - expected.data[i]!)).toBeLessThan(rtol * scale * 3));
}

describe('stackedLinear', () => {
  const [w, b] = [real('w', [3, 4, 5]), real('b', [3, 4])];
  test.each([
    ['inputs of each network', real('x', [3, 7, 5])],
    ['inputs that all share', real('x', [7, 5])],
  ])('agrees with networks one by one on %s', async (_, x) => {
    const [y] = await run((...[p, q, r]) => [stackedLinear(p!, q!, r)], 'cpu')(x, w, b);
    for (let n = 0; n < 3; n++) {
      const at = (a: NdArray, size: number) => Array.from(a.data.subarray(n * size, (n + 1) * size));
      const xs = x.shape.length === 3 ? at(x, 35) : Array.from(x.data);
      const [ws, bs] = [at(w, 20), at(b, 4)];
      for (let p = 0; p < 7; p++) {
        for (let o = 0; o < 4; o++) {
          const want = bs[o]! + [0, 1, 2, 3, 4].reduce((sum, i) => sum + xs[p * 5 + i]! * ws[o * 5 + i]!, 0);
          expect(y!.data[(n * 7 + p) * 4 + o]).toBeCloseTo(want, 5);
        }
      }
    }
  });
  test('says which shape disagrees', () => {
    expect(() => stackedLinear(tf.zeros([2, 7, 5]), toTensor(w))).toThrow(ShapeError);
    expect(() => stackedLinear(tf.zeros([3, 7, 6]), toTensor(w))).toThrow(
      'stackedLinear: w must have shape [N=3, O, I=6], got [3, 4, 5]',
    );
  });
});

describe('stackedConv2d', () => {
  const geometries: readonly StackedConv2dOptions[] = [
    {},
    { pads: [1, 0, 2, 1] },
    { strides: [2, 1], pads: [1, 1, 1, 1] },
    { strides: [2, 2] },
    { dilations: [2, 1], pads: [2, 1, 2, 1] },
  ];
  const [x, w, b] = [real('images', [2, 3 * 4, 8, 7]), real('kernels', [3, 5, 4, 3, 2]), real('biases', [3, 5])];

  test.each(geometries.map((g) => [JSON.stringify(g), g] as const))(
    'forward and gradients agree with the loops: %s',
    async (_, options) => {
      const f = (...[p, q, r]: Tensor[]) => {
        const y = stackedConv2d(p!, q!, r, options);
        const gradients = tf.grads((...[s, t, u]: Tensor[]) => tf.sum(tf.sin(stackedConv2d(s!, t!, u, options))))([
          p!,
          q!,
          r!,
        ]);
        return [y, ...gradients];
      };
      const [native, loops] = [await run(f, 'cpu')(x, w, b), await run(f, 'eager')(x, w, b)];
      native.forEach((array, i) => expectClose(array, loops[i]!));
    },
  );

  test('is each network convolved by itself', async () => {
    const [y] = await run((p, q) => [stackedConv2d(p!, q!)], 'cpu')(x, w);
    const single = (p: Tensor, q: Tensor) => {
      const image = tf.transpose(tf.slice(p, [0, 4, 0, 0], [2, 4, 8, 7]), [0, 2, 3, 1]) as tf.Tensor4D;
      const kernel = tf.transpose(
        tf.reshape(tf.slice(q, [1, 0, 0, 0, 0], [1, 5, 4, 3, 2]), [5, 4, 3, 2]),
        [2, 3, 1, 0],
      ) as tf.Tensor4D;
      return [tf.transpose(tf.conv2d(image, kernel, 1, 'valid'), [0, 3, 1, 2])];
    };
    const [want] = await run(single as never, 'eager')(x, w);
    const [slice] = await run((p) => [tf.slice(p!, [0, 5, 0, 0], [2, 5, 6, 6])], 'cpu')(y!);
    expectClose(slice!, want!);
  });

  test('says which shape disagrees', () => {
    expect(() => stackedConv2d(tf.zeros([2, 11, 8, 7]), toTensor(w))).toThrow(
      'stackedConv2d: x must have shape [B, 12, H, W], got [2, 11, 8, 7]',
    );
  });
});
