import { deadInputs, mapValues, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { gelu, latentTransformer, latentTransformerPublished } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(41);
const range = (n: number) => [...Array(n).keys()];
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const tensors = (arrays: NdArrays): Record<string, Tensor> => mapValues(arrays, toTensor) as Record<string, Tensor>;
const settings = { blocks: 2, width: 6, heads: 2, feedForward: 3, dropout: 0.4, positions: 5 };
const model = latentTransformer([4, 7], 3, settings);
const params = model.initialize(stream.split('params'));
const z = stream.split('z').normal([2, 4, 7]);

/** The first token through all blocks, in plain numbers. */
function slow(network: number): number[] {
  const linear = (x: readonly number[], name: string) => {
    const { shape, data } = params[`${name}.weight`]!;
    return range(shape[1]!).map(
      (j) => params[`${name}.bias`]!.data[j]! + sum(x.map((v, i) => v * data[i * shape[1]! + j]!)),
    );
  };
  const norm = (x: readonly number[], name: string) => {
    const mean = sum(x) / x.length;
    const scale = Math.sqrt(sum(x.map((v) => (v - mean) ** 2)) / x.length + 1e-5);
    return x.map((v, i) => ((v - mean) / scale) * params[`${name}.gain`]!.data[i]! + params[`${name}.shift`]!.data[i]!);
  };
  let x = range(4).map((m) => {
    const start = linear(Array.from(z.data.subarray((network * 4 + m) * 7, (network * 4 + m + 1) * 7)), 'proj');
    return start.map((v, c) => v + params['positions']!.data[m * 6 + c]!);
  });
  for (const name of ['block1', 'block2']) {
    const qkv = x.map((v) => linear(norm(v, `${name}.norm1`), `${name}.qkv`));
    const attended = qkv.map((query) =>
      range(2).flatMap((h) => {
        const scores = qkv.map(
          (key) => sum(range(3).map((c) => query[h * 3 + c]! * key[6 + h * 3 + c]!)) / Math.sqrt(3),
        );
        const powers = scores.map((s) => Math.exp(s));
        return range(3).map((c) => sum(powers.map((p, i) => p * qkv[i]![12 + h * 3 + c]!)) / sum(powers));
      }),
    );
    x = x.map((v, m) => linear(attended[m]!, `${name}.attended`).map((a, c) => v[c]! + a));
    x = x.map((v) => {
      const wide = linear(norm(v, `${name}.norm2`), `${name}.widen`).map((u) => gelu(tf.scalar(u)).dataSync()[0]!);
      return linear(wide, `${name}.narrow`).map((a, c) => v[c]! + a);
    });
  }
  return linear(
    linear(x[0]!, 'in').map((v) => Math.max(0, v)),
    'out',
  );
}

describe('latentTransformer', () => {
  test('agrees with its definition', () => {
    const got = Array.from(model.apply(tensors(params), toTensor(z)).dataSync());
    const want = [0, 1].flatMap(slow);
    expect(got).toHaveLength(6);
    want.forEach((v, i) => expect(got[i]).toBeCloseTo(v, 4));
  });

  test('drops in training only', () => {
    const noise = model.noise(2, stream.split('noise'));
    expect(Object.keys(noise)).toHaveLength(6);
    const values = (n?: Tensors) => Array.from(model.apply(tensors(params), toTensor(z), n).dataSync());
    expect(values({})).toEqual(values());
    expect(values(tensors(noise))).not.toEqual(values());
    expect(latentTransformer([4, 7], 3, { ...settings, dropout: 0 }).noise(2, stream)).toEqual({});
  });

  test('every parameter and every entry counts', () => {
    const wide = latentTransformer([4, 7], 3, { ...settings, width: 16 });
    const own = wide.initialize(stream.split('wide'));
    const dead = deadInputs((x: Tensors) => wide.apply(x, x['z']!), { ...own, z });
    expect(dead).toEqual([]);
  });

  test('has as many parameters as published', () => {
    expect(latentTransformer([16, 256], 10, latentTransformerPublished).parameterCount).toBe(38_260_746);
  });

  test.each([
    [{ heads: 4 }, 'latent-transformer: heads must divide the width 6, got 4'],
    [{ positions: 3 }, 'latent-transformer: positions must be at least the 4 tokens of an array, got 3'],
    [{ blocks: 0 }, 'latent-transformer: blocks must be a whole number above 0, got 0'],
    [{ dropout: 1 }, 'latent-transformer: dropout must be in [0, 1), got 1'],
  ])('refuses %j', (more, message) => {
    expect(() => latentTransformer([4, 7], 3, { ...settings, ...more })).toThrow(message);
  });
});
