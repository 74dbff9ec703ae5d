import { mlp, siren } from '@weightspace/architecture';
import {
  adam,
  compile,
  deadInputs,
  mapValues,
  RandomStream,
  scalar,
  tf,
  toTensor,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { bandsOf, inr2Array, inr2ArrayPublished, renderPatches } from '@weightspace/metanet';
import type { Inr2ArraySettings } from '@weightspace/metanet';
import { act, assertBatchIndependence, assertInvariance, permutationGroup, testElements } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { networksOf } from '../networks.ts';

const stream = RandomStream.fromSeed(37);
const architecture = siren({ sizes: [2, 5, 4, 3], outputOffset: 0.5 });
const small: Partial<Inr2ArraySettings> = {
  blocks: 1,
  frequencies: 6,
  frequencyScale: 0.5,
  heads: 3,
  width: 7,
  hidden: 9,
};
const picture = { rows: 5, columns: 7 };
const range = (n: number) => [...Array(n).keys()];
const tensors = (arrays: NdArrays): Record<string, Tensor> => mapValues(arrays, toTensor) as Record<string, Tensor>;

/** One network at one point, in plain numbers. */
function slowSiren(weights: NdArrays, at: number, point: readonly number[]): number[] {
  let x = point;
  const layers = [1, 2, 3];
  for (const layer of layers) {
    const [w, b] = [weights[`layer${layer}.weight`]!, weights[`layer${layer}.bias`]!];
    const [out, into] = w.shape.slice(-2) as [number, number];
    const z = range(out).map(
      (j) => b.data[at * out + j]! + x.reduce((sum, v, i) => sum + v * w.data[(at * out + j) * into + i]!, 0),
    );
    x = layer === layers.length ? z.map((v) => v + 0.5) : z.map((v) => Math.sin(30 * v));
  }
  return [...x];
}

describe('renderPatches', () => {
  /** Four networks for each of two pictures. */
  const flat = networksOf(architecture, 8);
  const four = mapValues(flat, ({ data, shape }) => ({
    data,
    dtype: 'float32',
    shape: [2, 4, ...shape.slice(1)],
  })) as NdArrays;

  test('draws every pixel by the nearest network', async () => {
    const draw = compile((w: Tensors) => ({ y: renderPatches(architecture, w, picture) }), { threads: 1 });
    const y = ((await draw(four as never)) as unknown as { y: NdArray }).y;
    expect(y.shape).toEqual([2, 35, 3]);
    for (const b of range(2))
      for (const i of range(5))
        for (const j of range(7)) {
          const point = [-1 + i / 2, -1 + j / 3];
          const nearest = (v: number) => (v >= 0 ? 1 : 0);
          const want = slowSiren(flat, b * 4 + 2 * nearest(point[0]!) + nearest(point[1]!), point);
          want.forEach((v, o) => expect(y.data[(b * 35 + i * 7 + j) * 3 + o]).toBeCloseTo(v, 4));
        }
  });

  test('is the network itself where there is one', () => {
    const one = mapValues(flat, ({ data, shape }) => ({
      data,
      dtype: 'float32',
      shape: [8, 1, ...shape.slice(1)],
    })) as NdArrays;
    const y = renderPatches(architecture, tensors(one), { rows: 1, columns: 3 }).dataSync();
    for (const n of range(8))
      for (const j of range(3))
        slowSiren(flat, n, [0, j - 1]).forEach((v, o) => expect(y[(n * 3 + j) * 3 + o]).toBeCloseTo(v, 4));
  });

  test('bands cover each pixel once, the outer ones are half as wide, and some may be empty', () => {
    expect(bandsOf(28, 4).map(({ size }) => size)).toEqual([5, 9, 9, 5]);
    expect(bandsOf(28, 4).map(({ start }) => start)).toEqual([0, 5, 14, 23]);
    expect(bandsOf(5, 1)).toEqual([{ start: 0, size: 5 }]);
    expect(bandsOf(2, 3).map(({ size }) => size)).toEqual([1, 0, 1]);
    const nine = mapValues(networksOf(architecture, 9), ({ data, shape }) => ({
      data,
      dtype: 'float32',
      shape: [1, 9, ...shape.slice(1)],
    })) as NdArrays;
    expect(renderPatches(architecture, tensors(nine), { rows: 2, columns: 2 }).shape).toEqual([1, 4, 3]);
  });
});

describe.each(['each', 'shared'])('inr2Array with the decoder %s', (decoder) => {
  const model = inr2Array(architecture, { ...small, latents: 4, decoder, hiddenLayers: 1 });
  const params = model.initialize(stream.split('params'));
  const fixed = model.measure(networksOf(architecture, 20), stream.split('fixed'));

  test('its array and its picture are invariant to the order of neurons, alone and in any company', async () => {
    const compiled = compile(
      (p: Tensors, x: Tensors, w: Tensors) => {
        const array = model.apply(p, x, w);
        return { array, picture: renderPatches(architecture, model.decode(p, array), picture) };
      },
      { threads: 1 },
    );
    const f = async (w: NdArrays) =>
      (await compiled(params as never, fixed as never, w as never)) as unknown as NdArrays;
    for (const count of [1, 5]) {
      const input = networksOf(architecture, count);
      expect((await f(input))['array']!.shape).toEqual([count, 4, 7]);
      const report = await assertInvariance({
        f,
        input,
        elements: testElements(permutationGroup(architecture), stream.split('elements')),
        actIn: (g, w) => act(architecture, g, w),
      });
      expect(report.error).toBeLessThan(1e-5);
    }
    await assertBatchIndependence({ f, input: networksOf(architecture, 5) });
  });

  test('the picture depends on every parameter and every weight', () => {
    const weights = networksOf(architecture, 3);
    const x = tensors(fixed);
    const inputs = { ...params, ...Object.fromEntries(Object.entries(weights).map(([name, w]) => [`w.${name}`, w])) };
    const f = (given: Tensors) =>
      model.reconstruct(given, x, mapValues(weights, (_, name) => given[`w.${name}`]!) as Tensors, picture);
    expect(deadInputs(f, inputs)).toEqual([]);
  });

  test('learns to draw what the networks draw', async () => {
    const weights = networksOf(architecture, 6);
    const optimizer = adam();
    const step = compile(
      (state: { p: Tensors; o: Tensors }, x: Tensors, w: Tensors, rate: Tensor) => {
        const target = model.render(w, picture);
        const loss = (p: Tensors) =>
          tf.mean(tf.squaredDifference(model.reconstruct(p, x, w, picture), target)) as tf.Scalar;
        const { value, grads } = valueAndGrads(loss, state.p);
        const next = optimizer.update(grads, state.o, state.p, rate);
        return { state: { p: next.params, o: next.state }, loss: value };
      },
      { threads: 1 },
    );
    let state: unknown = { p: params, o: optimizer.init(params) };
    const losses: number[] = [];
    for (let i = 0; i < 80; i++) {
      const done = (await step(state as never, fixed as never, weights as never, scalar(5e-3))) as unknown as {
        state: unknown;
        loss: NdArray;
      };
      state = done.state;
      losses.push(done.loss.data[0]!);
    }
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(Math.min(...losses.slice(-5))).toBeLessThan(0.5 * losses[0]!);
  });
});

describe('inr2Array', () => {
  test('has as many parameters as published, part by part', () => {
    const linear = (from: number, to: number) => (from + 1) * to;
    const encoder = 2304 + 6 * 3_356_928;
    const cross = 4 * 256 + 3 * 256 ** 2 + linear(256, 256);
    const feed = 2 * 256 + linear(256, 2048) + linear(1024, 256);
    const decoder = 6 * 2 * linear(256, 256) + 257 * 1185;
    const model = inr2Array(siren({ sizes: [2, 32, 32, 1] }), inr2ArrayPublished);
    expect(model.parameterCount).toBe(encoder + 16 * 256 + cross + feed + decoder);
    expect(model.parameterCount).toBe(22_294_689);
  });

  test('its decoder is a perceptron for each parameter', () => {
    const model = inr2Array(architecture, { ...small, latents: 1 });
    const params = model.initialize(stream);
    const z = stream.split('z').normal([2, 1, 7]);
    const decoded = model.decode(tensors(params), toTensor(z));
    for (const { name, shape } of architecture.parameters) {
      expect(decoded[name]!.shape).toEqual([2, 1, ...shape]);
      const values = decoded[name]!.dataSync();
      for (const n of range(2)) {
        let x = Array.from(z.data.subarray(n * 7, (n + 1) * 7));
        for (const layer of ['0', '1', 'out']) {
          const [w, b] = [params[`decoder.${name}.${layer}.weight`]!, params[`decoder.${name}.${layer}.bias`]!];
          const y = range(b.data.length).map(
            (j) => b.data[j]! + x.reduce((s, v, i) => s + v * w.data[i * b.data.length + j]!, 0),
          );
          x = layer === 'out' ? y : y.map((v) => Math.max(0, v));
        }
        x.forEach((v, i) => expect(values[n * x.length + i]).toBeCloseTo(v, 4));
      }
    }
  });

  test.each([
    [{ latents: 5 }, 'inr2array: latents must be a square, since their networks share a picture, got 5'],
    [{ decoder: 'none' }, "inr2array: decoder must be each or shared, got 'none'"],
    [{ hidden: 0 }, 'inr2array: hidden must be a whole number above 0, got 0'],
  ])('refuses %j', (more, message) => {
    expect(() => inr2Array(architecture, { ...small, ...more })).toThrow(message);
  });

  test('refuses networks that draw no picture', () => {
    expect(() => inr2Array(mlp({ sizes: [3, 4, 1] }))).toThrow(
      'inr2array: takes networks from two coordinates, got inputs x of size 3',
    );
  });
});
