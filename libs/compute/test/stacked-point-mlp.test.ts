import {
  assertClose,
  compile,
  deadInputs,
  exportOnnx,
  gradientError,
  ndarray,
  RandomStream,
  ShapeError,
  stackedPointMlp,
  tf,
  toTensor,
} from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(23);
const real = (label: string, shape: number[]) => stream.split(label).normal(shape);
type Call = (...args: NdArray[]) => Promise<NdArray[]>;
const run = (f: (...xs: Tensor[]) => Tensor[], device: 'cpu' | 'eager', threads = 1): Call =>
  compile(f as never, { device, threads }) as never;

/** Points, then weights and biases in turn. */
const inputsOf = (N: number, P: number, sizes: readonly number[]): NdArray[] => [
  real('x', [N, sizes[0]!, P]),
  ...sizes.slice(1).flatMap((out, i) => [real(`w${i}`, [N, out, sizes[i]!]), real(`b${i}`, [N, out])]),
];
const mlp = (...[x, ...rest]: Tensor[]): Tensor =>
  stackedPointMlp(
    x!,
    rest.flatMap((weight, i) => (i % 2 === 0 ? [{ weight, bias: rest[i + 1]! }] : [])),
  );
/** The result and all gradients of a sum of it that weighs every element differently. */
const withGradients = (...xs: Tensor[]): Tensor[] => [
  mlp(...xs),
  ...tf.grads((...ys: Tensor[]) => tf.sum(tf.sin(tf.mul(mlp(...ys), 0.1))))(xs),
];

/** One number after the other, in double precision. */
function loops([x, ...rest]: readonly NdArray[]): Float32Array {
  const [N, , P] = x!.shape as [number, number, number];
  let [values, channels] = [Float64Array.from(x!.data), x!.shape[1]!];
  for (let layer = 0; layer < rest.length / 2; layer++) {
    const [w, b] = [rest[2 * layer]!, rest[2 * layer + 1]!];
    const out = w.shape[1]!;
    const next = new Float64Array(N * out * P);
    for (let n = 0; n < N; n++)
      for (let o = 0; o < out; o++)
        for (let p = 0; p < P; p++) {
          let sum = b.data[n * out + o]!;
          for (let c = 0; c < channels; c++) {
            const value = values[(n * channels + c) * P + p]!;
            sum += w.data[(n * out + o) * channels + c]! * (layer === 0 ? value : Math.max(0, value));
          }
          next[(n * out + o) * P + p] = sum;
        }
    [values, channels] = [next, out];
  }
  return Float32Array.from(values);
}

/** Channels of layers, networks, points: planes, filled-up blocks, several blocks, rows of points, one layer alone, one point. */
const cases: readonly (readonly [number[], number, number])[] = [
  [[8, 32, 32, 2], 2, 37],
  [[8, 32, 32, 2], 3, 5],
  [[8, 32, 32, 2], 1, 1024],
  [[3, 17, 33], 5, 1],
  [[16, 16, 16], 2, 7],
  [[20, 31, 16, 18], 3, 8],
  [[8, 5, 2], 2, 9],
  [[8, 32], 2, 9],
];

describe('stackedPointMlp', () => {
  test.each(cases)(
    'agrees with the loops, gradients with those of single operations: %j, %i networks, %i points',
    async (sizes, N, P) => {
      const inputs = inputsOf(N, P, sizes);
      const [native, single] = [
        await run(withGradients, 'cpu')(...inputs),
        await run(withGradients, 'eager')(...inputs),
      ];
      const expected = loops(inputs);
      const scaleOf = (data: ArrayLike<number>) => Math.max(...Array.from(data, Math.abs));
      for (const [y] of [native, single]) {
        expect(y!.shape).toEqual([N, sizes.at(-1)!, P]);
        assertClose(
          y!,
          { dtype: 'float32', shape: y!.shape, data: expected },
          { rtol: 3e-5, atol: 1e-5 * scaleOf(expected) },
        );
      }
      native.forEach((array, i) => {
        assertClose(array, single[i]!, { rtol: 3e-5, atol: 3e-5 * scaleOf(single[i]!.data) });
      });
    },
  );

  test('gives the same bits with two threads', async () => {
    const inputs = inputsOf(2, 1024, [8, 32, 32, 2]);
    const f = (...xs: Tensor[]) => [mlp(...xs)];
    const [one, two] = [await run(f, 'cpu')(...inputs), await run(f, 'cpu', 2)(...inputs)];
    expect(two[0]!.data).toEqual(one[0]!.data);
  });

  test('has the gradients that central differences give, and every input gets some', () => {
    const [x, w0, b0, w1, b1] = inputsOf(2, 3, [2, 4, 3]);
    // Far from the kink: hidden values are above 0.
    const positive = (array: NdArray) =>
      ndarray(
        Array.from(array.data, (value) => 0.1 + 0.3 * Math.abs(value)),
        array.shape,
      );
    const inputs = { x: positive(x!), w0: positive(w0!), b0: positive(b0!), w1: w1!, b1: b1! };
    const f = (all: Record<keyof typeof inputs, Tensor>) => mlp(all.x, all.w0, all.b0, all.w1, all.b1);
    expect(gradientError(f, inputs)).toBeLessThan(2e-3);
    expect(deadInputs(f, inputs)).toEqual([]);
  });

  test('takes no points', async () => {
    const [y] = await run((...xs) => [mlp(...xs)], 'eager')(...inputsOf(2, 0, [8, 32, 32, 2]));
    expect(y!.shape).toEqual([2, 2, 0]);
  });

  test('gives a model of standard operators when exported', () => {
    const bytes = exportOnnx(mlp, inputsOf(2, 32, [8, 32, 32, 2]) as never);
    expect(Buffer.from(bytes).includes('nchwc')).toBe(false);
  });

  test('says which shape disagrees', () => {
    const [x, w, b] = inputsOf(3, 4, [5, 6]).map(toTensor);
    const short = tf.zeros([3, 5, 1]) as Tensor;
    expect(() => stackedPointMlp(x!, [{ weight: w!, bias: short }])).toThrow(ShapeError);
    expect(() => stackedPointMlp(x!, [{ weight: tf.zeros([3, 6, 4]), bias: b! }])).toThrow(
      'stackedPointMlp: layers[0].weight must have shape [3, 6, 5], got [3, 6, 4]',
    );
  });
});
