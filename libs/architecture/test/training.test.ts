import { assertClose, compile, gradientError, mapValues, ndarray, RandomStream, rows, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { batchStatistics, cnn, defineArchitecture, forwardStacked, initialize, mlp } from '@weightspace/architecture';

const [N, P] = [2, 5];
const stream = RandomStream.fromSeed(11);
const network = cnn({ input: { positions: [4, 3], size: 2 }, features: [3], norm: 'batch-norm', outputs: 2 });
const params: NdArrays = mapValues(initialize(network, stream, { count: N }), ({ shape }, name) =>
  stream.split(name).uniform(shape, 0.5, 1.5),
);
const x = stream.split('x').normal([N, P, 4, 3, 2]);
const inTraining = { training: true } as const;
const run = async (f: (p: Tensors, x: Tensor) => unknown, input: NdArray = x): Promise<never> =>
  (await compile(f, { threads: 1 })(params as never, input as never)) as never;

/** Before the norm: the same network that ends there. */
const before = defineArchitecture({
  ...network.spec,
  layers: network.spec.layers.slice(0, 1).map((layer) => ({ ...layer, output: 'y' })),
});

describe('batchStatistics', () => {
  test('are mean and unbiased variance of what the norm reads, network by network', async () => {
    const found: NdArrays = await run((p, input) => batchStatistics(network, p, input));
    const values: NdArray = await run((p, input) => forwardStacked(before, p, input));
    expect(Object.keys(found)).toEqual(['norm1.running_mean', 'norm1.running_var']);
    for (let n = 0; n < N; n++) {
      for (let c = 0; c < 3; c++) {
        const own = [...rows(values, n, n + 1).data].filter((_, i) => i % 3 === c);
        const mean = own.reduce((a, b) => a + b) / own.length;
        const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (own.length - 1);
        expect(found['norm1.running_mean']!.data[n * 3 + c]).toBeCloseTo(mean, 4);
        expect(found['norm1.running_var']!.data[n * 3 + c]).toBeCloseTo(variance, 3);
      }
    }
  });

  test('are those of each network also where all see the same', async () => {
    const shared = rows(x, 0, 1);
    const once = { ...shared, shape: shared.shape.slice(1) };
    const norm = { name: 'norm', kind: 'batch-norm', inputs: ['x'], affine: false };
    const direct = defineArchitecture({
      ...network.spec,
      layers: [norm, { name: 'fc', kind: 'linear', inputs: ['norm'], output: 'y', size: 1 }],
    } as never);
    const own = initialize(direct, stream, { count: N });
    const found = (await compile((p: Tensors, input: Tensor) => batchStatistics(direct, p, input), { threads: 1 })(
      own as never,
      once as never,
    )) as NdArrays;
    expect(found['norm.running_mean']!.shape).toEqual([N, 2]);
    const { data } = found['norm.running_var']!;
    expect([...data.subarray(0, 2)]).toEqual([...data.subarray(2)]);
  });

  test('are none where there is no batch norm', async () => {
    const plain = mlp({ sizes: [2, 3, 1] });
    const found = await compile((p: Tensors, input: Tensor) => ({
      ...batchStatistics(plain, p, input),
      one: tf.scalar(1),
    }))(initialize(plain, stream, { count: 1 }) as never, stream.normal([3, 2]) as never);
    expect(Object.keys(found)).toEqual(['one']);
  });
});

describe('forwardStacked in training', () => {
  test('is the network with the statistics of its batch', async () => {
    const trained: NdArray = await run((p, input) => forwardStacked(network, p, input, inTraining));
    const found: NdArrays = await run((p, input) => batchStatistics(network, p, input));
    const points = P * 12;
    const biased = ndarray(
      Float32Array.from(found['norm1.running_var']!.data, (v) => (v * (points - 1)) / points),
      [N, 3],
    );
    const own = { ...params, 'norm1.running_mean': found['norm1.running_mean']!, 'norm1.running_var': biased };
    const forward = compile((p: Tensors, input: Tensor) => forwardStacked(network, p, input), { threads: 1 });
    assertClose(trained, (await forward(own as never, x as never)) as never, { rtol: 1e-4, atol: 1e-5 });
    const plain: NdArray = await run((p, input) => forwardStacked(network, p, input));
    expect(() => assertClose(trained, plain, { rtol: 1e-2, atol: 1e-2 })).toThrow();
  });

  test('has the gradient that differences give, statistics included', () => {
    const smooth = cnn({
      input: { positions: [3, 2], size: 2 },
      features: [3],
      norm: 'batch-norm',
      activation: 'tanh',
      outputs: 2,
    });
    const own = initialize(smooth, stream.split('smooth'), { count: 1 });
    const input = stream.split('input').normal([1, 4, 3, 2, 2]);
    const f = (w: Tensor) => {
      const rest = mapValues(own, ({ data, shape }) => tf.tensor(data as Float32Array, [...shape]));
      const given = tf.tensor(input.data, [...input.shape]);
      return forwardStacked(smooth, { ...rest, 'conv1.weight': w }, given, inTraining);
    };
    expect(gradientError(f as never, own['conv1.weight']!)).toBeLessThan(1e-2);
  });

  test('gives each value to `after`, and goes on with what that gives', async () => {
    const seen: string[] = [];
    const zeroed: NdArray = await run((p, input) =>
      forwardStacked(network, p, input, {
        after: (value, { output }) => {
          seen.push(output);
          return output === 'norm1' ? tf.zerosLike(value) : value;
        },
      }),
    );
    expect(seen.slice(0, 4)).toEqual(['conv1', 'norm1', 'vector', 'y']);
    const bias = params['fc1.bias']!.data;
    zeroed.data.forEach((v, i) => expect(v).toBeCloseTo(bias[2 * Math.floor(i / (2 * P)) + (i % 2)]!, 6));
  });
});
