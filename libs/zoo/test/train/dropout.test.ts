import { cnn, forwardStacked, initialize, mlp } from '@weightspace/architecture';
import { compile, mapValues, ndarray, RandomStream, zeros } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { Dropout } from '../../src/train/dropout.ts';

const [N, B] = [3, 40];
const stay = ndarray([1, 0.75, 0.25], [N]);

/** Outputs of networks whose hidden neurons are all 1 and whose output is their mean, with dropout. */
async function withDropout(positions: readonly number[], channels: number): Promise<NdArray> {
  const flat = positions.length === 0;
  const architecture = flat
    ? mlp({ sizes: [1, channels, 1], activation: 'relu' })
    : cnn({ input: { positions, size: 1 }, features: [channels], kernel: 1, outputs: 1 });
  const start = initialize(architecture, RandomStream.fromSeed(1), { count: N });
  const [hidden, head] = flat ? ['layer1', 'layer2'] : ['conv1', 'fc1'];
  const fill = (name: string, value: number) =>
    ndarray(new Float32Array(start[name]!.data.length).fill(value), start[name]!.shape);
  const params: NdArrays = {
    ...mapValues(start, ({ shape }) => zeros(shape)),
    [`${hidden}.bias`]: fill(`${hidden}.bias`, 1),
    [`${head}.weight`]: fill(`${head}.weight`, 1 / channels),
  };
  const dropout = new Dropout(architecture);
  const rows = dropout.rows(N, B);
  for (let n = 0; n < N; n++) dropout.draw(rows, n, RandomStream.fromSeed(n));
  const f = compile(
    (p: Tensors, x: Tensor, r: Tensors, pools: Tensors, s: Tensor) =>
      forwardStacked(architecture, p, x, { after: (value, layer) => dropout.apply(value, layer, r, pools, s) }),
    { threads: 1 },
  );
  const y = await f(
    params as never,
    zeros([N, B, ...positions, 1]) as never,
    rows as never,
    dropout.pools as never,
    stay as never,
  );
  return y as unknown as NdArray;
}

describe('Dropout', () => {
  test.each([
    ['of vectors', [], 60],
    ['of sequences', [12], 5],
    ['of images', [4, 3], 5],
  ] as const)('%s keeps means, and nothing else where a rate is above 0', async (_, positions, channels) => {
    const y = await withDropout(positions, channels);
    for (let n = 0; n < N; n++) {
      const own = [...y.data.subarray(n * B, (n + 1) * B)];
      const mean = own.reduce((a, b) => a + b) / B;
      const deviation = Math.sqrt(own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / B);
      const q = stay.data[n]!;
      // 60 neurons, each 1/q with probability q.
      const expected = Math.sqrt((1 - q) / q / 60);
      expect(Math.abs(mean - 1)).toBeLessThan(1e-5 + (4 * expected) / Math.sqrt(B));
      if (q === 1) expect(deviation).toBeLessThan(1e-6);
      else expect(deviation / expected).toBeGreaterThan(0.6);
      if (q < 1) expect(deviation / expected).toBeLessThan(1.5);
    }
  });

  test('drops behind activations and recurrent layers, never the output', () => {
    const sites = (architecture: ConstructorParameters<typeof Dropout>[0]) =>
      Object.keys(new Dropout(architecture).pools);
    expect(sites(mlp({ sizes: [2, 3, 4, 2] }))).toEqual(['h1', 'h2']);
    expect(
      sites(cnn({ input: { positions: [8, 8], size: 1 }, features: [3, 'max', 4], norm: 'batch-norm', outputs: 2 })),
    ).toEqual(['norm1', 'norm2']);
  });
});
