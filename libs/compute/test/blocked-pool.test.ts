import { assertClose, compile, RandomStream, stackedConv2dChannelsLast, tf } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(12);
/** Few values, so that windows have several largest ones. */
function coarse(label: string, shape: number[]): NdArray {
  const { data, ...rest } = stream.split(label).normal(shape);
  return { ...rest, data: data.map(Math.round) } as NdArray;
}

type Pool = (x: tf.Tensor4D) => Tensor;
const pools: readonly (readonly [string, Pool])[] = [
  ['max 2', (x) => tf.maxPool(x, 2, 2, 'valid')],
  ['max 3', (x) => tf.maxPool(x, 3, 3, 'valid')],
  ['max 2×3', (x) => tf.maxPool(x, [2, 3], [2, 3], 'valid')],
  ['max 3 by 2', (x) => tf.maxPool(x, 3, 2, 'same')],
  ['average 2', (x) => tf.avgPool(x, 2, 2, 'valid')],
  ['average 3', (x) => tf.avgPool(x, 3, 3, 'valid')],
  ['average 3 by 2', (x) => tf.avgPool(x, 3, 2, 'valid')],
];

/** A weight for each element, so that each gradient is a number of its own. */
const weighed = (y: Tensor): Tensor => {
  const weights = tf.reshape(tf.cos(tf.range(0, y.size)), y.shape);
  return tf.sum(tf.mul(y, weights));
};

async function expectAgreement(f: (x: Tensor) => Tensor, x: NdArray): Promise<void> {
  const both = (p: Tensor) => [f(p), tf.grad((q) => weighed(f(q)))(p)];
  const run = async (device: 'cpu' | 'eager') =>
    (await compile(both, { device, threads: 1 })(x)) as unknown as NdArray[];
  const [native, loops] = [await run('cpu'), await run('eager')];
  native.forEach((array, i) => assertClose(array, loops[i]!, { rtol: 1e-4, atol: 1e-4 }));
}

describe('poolings of many channels', () => {
  describe.each(pools)('%s', (_, pool) => {
    test.each([16, 32, 13])('agrees with the loops, ties too, on %i channels', async (channels) => {
      await expectAgreement((x) => pool(x as tf.Tensor4D), coarse(`${channels}`, [3, 7, 8, channels]));
    });

    test.each([16, 20])('is the same between stacked layers of %i channels', async (channels) => {
      const w = coarse('w', [2, channels, 3, 2, 3]);
      const v = coarse('v', [2, 5, channels, 2, 2]);
      const network = (x: Tensor): Tensor => {
        const filters = [w, v].map(({ data, shape }) => tf.tensor(data, [...shape]));
        const h = tf.relu(stackedConv2dChannelsLast(x, filters[0]!));
        const [N, P, H, W, C] = h.shape as [number, number, number, number, number];
        const pooled = pool(tf.reshape(h, [N * P, H, W, C]));
        const [, height, width] = pooled.shape as [number, number, number, number];
        return stackedConv2dChannelsLast(tf.reshape(pooled, [N, P, height, width, C]), filters[1]!);
      };
      await expectAgreement(network, coarse('x', [2, 3, 9, 9, 3]));
    });
  });

  test('gives each window one gradient where all its values are equal', async () => {
    const gradient = compile(
      (x: tf.Tensor4D) => tf.grad((q) => tf.sum(tf.maxPool(q as tf.Tensor4D, 2, 2, 'valid')))(x),
      {
        threads: 1,
      },
    );
    const { data } = (await gradient({
      dtype: 'float32',
      shape: [1, 4, 4, 16],
      data: new Float32Array(256).fill(2),
    })) as unknown as NdArray;
    for (let row = 0; row < 4; row++)
      for (let column = 0; column < 4; column++)
        expect(data[(row * 4 + column) * 16 + 5]).toBe(row % 2 === 0 && column % 2 === 0 ? 1 : 0);
  });
});
