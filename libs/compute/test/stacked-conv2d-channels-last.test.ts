import {
  assertClose,
  compile,
  deadInputs,
  exportOnnx,
  gradientError,
  RandomStream,
  ShapeError,
  stackedConv2dChannelsLast,
  tf,
  toTensor,
} from '@weightspace/compute';
import type { NdArray, StackedConv2dOptions, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(11);
const real = (label: string, shape: number[]) => stream.split(label).normal(shape);
type Call = (...args: NdArray[]) => Promise<NdArray[]>;
const run = (f: (...xs: Tensor[]) => Tensor[], device: 'cpu' | 'eager'): Call =>
  compile(f as never, { device, threads: 1 }) as never;

/** The result and all gradients of a sum of it that weighs every element differently. */
const withGradients =
  (options: StackedConv2dOptions, after: (y: Tensor) => Tensor = (y) => y) =>
  (...given: Tensor[]): Tensor[] => {
    const f = (...[x, w, b]: Tensor[]) => after(stackedConv2dChannelsLast(x!, w!, b, options));
    const total = (...xs: Tensor[]) => tf.sum(tf.sin(f(...xs)));
    return [f(...given), ...tf.grads(total)(given)];
  };

async function expectAgreement(
  shapes: { x: number[]; w: number[]; b?: number[] },
  options: StackedConv2dOptions,
  after?: (y: Tensor) => Tensor,
): Promise<void> {
  const inputs = Object.entries(shapes).map(([name, shape]) => real(name, shape));
  const f = withGradients(options, after);
  const [native, loops] = [await run(f, 'cpu')(...inputs), await run(f, 'eager')(...inputs)];
  native.forEach((array, i) => {
    const scale = Math.max(...Array.from(loops[i]!.data, Math.abs));
    assertClose(array, loops[i]!, { rtol: 3e-5, atol: 3e-5 * scale });
  });
}

/** Axes all differ; kernels that are even, of size 1, smaller than the stride; strides that leave rows over. */
const geometries: readonly (readonly [number, number, StackedConv2dOptions])[] = [
  [3, 2, {}],
  [3, 2, { pads: [1, 0, 2, 1] }],
  [3, 2, { strides: [2, 1], pads: [1, 1, 1, 1] }],
  [3, 3, { strides: [2, 2], pads: [1, 1, 1, 1] }],
  [3, 3, { strides: [2, 2] }],
  [2, 4, { strides: [3, 2], pads: [0, 2, 1, 0] }],
  [3, 2, { dilations: [2, 1], pads: [2, 1, 2, 1] }],
  [2, 3, { dilations: [2, 3], strides: [2, 2], pads: [1, 2, 0, 3] }],
  [2, 2, { dilations: [3, 2], strides: [3, 3], pads: [1, 0, 1, 2] }],
  [1, 1, { strides: [2, 3] }],
  [1, 2, { strides: [3, 3], pads: [2, 1, 0, 0] }],
  [5, 3, { pads: [4, 2, 4, 2] }],
];
const cases = geometries.map(([K, L, options]) => [`${K}×${L} ${JSON.stringify(options)}`, K, L, options] as const);

describe('stackedConv2dChannelsLast', () => {
  describe.each([
    ['blocks of channels', [3, 2, 7, 6, 16], 16],
    ['several blocks that are filled up', [1, 2, 7, 6, 20], 23],
    ['planes', [3, 2, 7, 6, 1], 16],
    ['planes that need several convolutions', [9, 1, 7, 6, 2], 16],
    ['images that all share', [2, 7, 6, 3], 17],
    ['many channels that all share', [2, 7, 6, 16], 16],
    ['few channels', [3, 2, 7, 6, 4], 5],
  ])('%s', (_, x, O) => {
    const [N, C] = [x.length === 5 ? x[0]! : 2, x.at(-1)!];
    test.each(cases)('agrees with the loops, gradients too: %s', async (__, K, L, options) => {
      await expectAgreement({ x, w: [N, O, C, K, L], b: [N, O] }, options);
    });
  });

  test('has no bias where none is given', () => expectAgreement({ x: [2, 3, 5, 6, 16], w: [2, 16, 16, 3, 3] }, {}));

  test('takes whole blocks of images', () =>
    expectAgreement({ x: [2, 32, 5, 6, 16], w: [2, 16, 16, 3, 3], b: [2, 16] }, { strides: [2, 2] }));

  test.each([
    ['relu', (y: Tensor) => tf.relu(y)],
    ['tanh', (y: Tensor) => tf.tanh(y)],
    ['leaky relu', (y: Tensor) => tf.leakyRelu(y, 0.1)],
    ['gelu', (y: Tensor) => tf.mul(tf.mul(y, 0.5), tf.add(tf.erf(tf.mul(y, Math.SQRT1_2)), 1))],
    ['exp, which fills above the channels can overflow', (y: Tensor) => tf.log(tf.add(tf.exp(tf.neg(y)), 1))],
    ['a division', (y: Tensor) => tf.div(y, tf.add(tf.square(y), 1))],
    ['a mean of positions', (y: Tensor) => tf.mean(y, [2, 3])],
    ['a scale of channels', (y: Tensor) => tf.mul(y, tf.mean(y, [0, 1, 2, 3], true))],
    ['a scale of images', (y: Tensor) => tf.mul(y, tf.mean(y, [0, 2, 3, 4], true))],
    ['a choice', (y: Tensor) => tf.where(tf.greater(y, tf.mean(y, 1, true)), y, tf.mul(y, 0.3))],
    ['a sum with itself turned', (y: Tensor) => tf.add(y, tf.reverse(y, 1))],
    ['relu of what is also read as it is', (y: Tensor) => tf.add(tf.relu(y), tf.sin(y))],
  ])('is followed by %s', async (_, after) => {
    const options = { pads: [1, 1, 1, 1] } as const;
    await expectAgreement({ x: [2, 3, 5, 4, 3], w: [2, 32, 3, 3, 3], b: [2, 32] }, options, after);
    await expectAgreement({ x: [2, 3, 5, 4, 7], w: [2, 15, 7, 2, 3], b: [2, 15] }, options, after);
  });

  describe('one after the other, the second reads what the first wrote', () => {
    const relu = (x: Tensor) => tf.relu(x);
    test.each<[string, number[], StackedConv2dOptions, StackedConv2dOptions, (x: Tensor) => Tensor]>([
      ['strides that leave rows over', [2, 3, 9, 8, 2], {}, { strides: [2, 2] }, relu],
      ['strides that divide', [2, 3, 9, 8, 1], { pads: [1, 1, 0, 1] }, { strides: [2, 2], pads: [1, 1, 1, 1] }, relu],
      [
        'strides in both',
        [2, 3, 15, 9, 1],
        { strides: [2, 1], pads: [1, 2, 1, 1] },
        { strides: [2, 3], pads: [1, 0, 2, 1] },
        relu,
      ],
      [
        'dilations',
        [2, 3, 14, 10, 1],
        { dilations: [2, 1], pads: [1, 0, 1, 0] },
        { strides: [2, 2], dilations: [1, 3] },
        relu,
      ],
      ['images that all share', [3, 9, 8, 3], { pads: [1, 1, 0, 1] }, { strides: [2, 2], pads: [1, 1, 1, 1] }, relu],
      ['many channels', [2, 3, 9, 8, 5], { pads: [1, 1, 0, 1] }, { strides: [2, 2], pads: [1, 1, 1, 1] }, relu],
      ['nothing between', [2, 3, 9, 8, 1], { pads: [1, 1, 0, 1] }, { strides: [2, 2] }, (x) => x],
      ['a scale between', [2, 3, 9, 8, 1], { pads: [1, 1, 0, 1] }, { strides: [2, 2] }, (x) => tf.mul(x, 0.5)],
      ['tanh between', [2, 3, 9, 8, 1], { pads: [1, 1, 0, 1] }, { strides: [2, 2] }, (x) => tf.tanh(x)],
      [
        'what is read elsewhere, too',
        [2, 3, 9, 8, 1],
        { pads: [1, 1, 0, 1] },
        { strides: [2, 2] },
        (x) => tf.add(tf.relu(x), tf.mul(tf.relu(x), tf.mean(x, [2, 3, 4], true))),
      ],
    ])('%s', async (_, shape, first, second, between) => {
      const network = (...[x, v, w]: Tensor[]) =>
        stackedConv2dChannelsLast(between(stackedConv2dChannelsLast(x!, v!, undefined, first)), w!, undefined, second);
      const f = (...xs: Tensor[]) => [
        network(...xs),
        ...tf.grads((...ys: Tensor[]) => tf.sum(tf.sin(tf.mul(network(...ys), 0.1))))(xs),
      ];
      const inputs = [real('x', shape), real('v', [2, 20, shape.at(-1)!, 3, 3]), real('w', [2, 18, 20, 3, 2])];
      const [native, loops] = [await run(f, 'cpu')(...inputs), await run(f, 'eager')(...inputs)];
      native.forEach((array, i) => {
        assertClose(array, loops[i]!, { rtol: 1e-4, atol: 3e-5 * Math.max(...Array.from(loops[i]!.data, Math.abs)) });
      });
    });
  });

  test('has the gradients that central differences give, and every input gets some', () => {
    const inputs = { x: real('x', [2, 1, 4, 3, 2]), w: real('w', [2, 3, 2, 2, 2]), b: real('b', [2, 3]) };
    const f = ({ x, w, b }: Record<'x' | 'w' | 'b', Tensor>) =>
      stackedConv2dChannelsLast(x, w, b, { strides: [2, 1], pads: [1, 0, 0, 1] });
    expect(gradientError(f, inputs)).toBeLessThan(2e-3);
    expect(deadInputs(f, inputs)).toEqual([]);
  });

  test('gives a model of standard operators when exported', () => {
    const bytes = exportOnnx(
      (x: Tensor, w: Tensor) => stackedConv2dChannelsLast(x, w),
      [real('x', [2, 1, 4, 3, 16]), real('w', [2, 16, 16, 2, 2])],
    );
    expect(Buffer.from(bytes).includes('nchwc')).toBe(false);
  });

  test('says which shape disagrees', () => {
    const w = toTensor(real('w', [3, 5, 4, 3, 2]));
    expect(() => stackedConv2dChannelsLast(tf.zeros([3, 2, 8, 7, 5]), w)).toThrow(ShapeError);
    expect(() => stackedConv2dChannelsLast(tf.zeros([3, 2, 8, 7, 5]), w)).toThrow(
      'stackedConv2dChannelsLast: x must have shape [N=3, P, H, W, C=4], got [3, 2, 8, 7, 5]',
    );
  });
});
