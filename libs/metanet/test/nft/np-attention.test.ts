import { cnn } from '@weightspace/architecture';
import { compile, deadInputs, gradientError, ndarray, RandomStream, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { chainOf, layoutOf, npAttention, npAttentionParameters } from '@weightspace/metanet';
import type { Layout } from '@weightspace/metanet';
import { assertEquivariance, permuteAxes } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { chain, featuresOf, shallow, tiny } from '../networks.ts';
import { gridOf, slowAttention } from './slow-attention.ts';

const convolutional = cnn({ input: { positions: [5, 5], size: 2 }, features: [3, 5], kernel: 2, outputs: 4 });
const HEADS = 2;
const stream = RandomStream.fromSeed(23);
const cases = Object.entries({ chain, tiny, shallow, convolutional }).map(
  ([name, architecture]) => [name, layoutOf('test', architecture, 'all')] as const,
);

const paramsOf = (layout: Layout, channels: number): NdArrays =>
  npAttentionParameters('a', layout, channels, stream.split('params'));

function layer(layout: Layout, params: NdArrays) {
  const layers = chainOf('test', layout);
  const f = compile((p: Tensors, x: Tensors) => npAttention(p, 'a', layout, layers, HEADS, x), { threads: 1 });
  return async (x: NdArrays) => (await f(params as never, x as never)) as unknown as NdArrays;
}

/** The features of one network of a batch. */
const one = (x: NdArray, at: number): NdArray => {
  const size = x.data.length / x.shape[0]!;
  return ndarray(Float32Array.from(x.data.subarray(at * size, (at + 1) * size)), x.shape.slice(1));
};

/** The largest distance from the definition, as a share of the largest value. */
async function gap(layout: Layout, params: NdArrays, used: NdArrays, heads = HEADS): Promise<number> {
  const x = featuresOf(layout, 6);
  const y = await layer(layout, used)(x);
  const layers = chainOf('test', layout);
  let [worst, largest] = [0, 0];
  for (const network of [0, 1]) {
    const grids = Object.fromEntries(Object.entries(x).map(([name, v]) => [name, gridOf(one(v, network))]));
    const want = slowAttention(
      layout,
      layers.map((l) => l.weight),
      layers.map((l) => l.bias),
      params,
      'a',
      heads,
      grids,
    );
    for (const [name, grid] of Object.entries(want)) {
      const got = one(y[name]!, network).data;
      grid.data.forEach((v, i) => {
        worst = Math.max(worst, Math.abs(v - got[i]!));
        largest = Math.max(largest, Math.abs(v));
      });
    }
  }
  return worst / largest;
}

describe('npAttention', () => {
  test.each(cases)('on %s agrees with its definition', async (_, layout) => {
    const params = paramsOf(layout, 6);
    expect(await gap(layout, params, params)).toBeLessThan(1e-5);
  });

  test('the oracle sees one wrong weight and another number of heads', async () => {
    const [, layout] = cases[1]!;
    const params = paramsOf(layout, 6);
    const weight = params['a.qkv.weight']!;
    const wrong = {
      ...params,
      'a.qkv.weight': { ...weight, data: weight.data.map((v, i) => (i === 3 ? v + 0.2 : v)) },
    };
    expect(await gap(layout, params, wrong as NdArrays)).toBeGreaterThan(1e-4);
    expect(await gap(layout, params, params, 3)).toBeGreaterThan(1e-4);
  });

  test.each(cases)('on %s commutes with permuting the neurons of all layers', async (_, layout) => {
    const act = (g: GroupElement, x: NdArrays): NdArrays =>
      Object.fromEntries(
        layout.tensors.map((t) => [t.name, permuteAxes(g, x[t.name]!, [undefined, ...t.spaces, undefined])]),
      );
    const elements = [1, 2, 3].map((shift): GroupElement =>
      Object.fromEntries(
        [...layout.spaces].map(([name, size]) => [
          name,
          { permutation: Int32Array.from({ length: size }, (_unused, i) => (i + shift) % size) },
        ]),
      ),
    );
    const f = layer(layout, paramsOf(layout, 6));
    const report = await assertEquivariance({ f, input: featuresOf(layout, 6, 3), elements, actIn: act, actOut: act });
    expect(report.error).toBeLessThan(1e-5);
  });

  test.each(cases)('on %s every parameter and input counts, with the gradients of differences', (name, layout) => {
    const layers = chainOf('test', layout);
    const x = featuresOf(layout, 4, 1);
    const inputs = { ...paramsOf(layout, 4), ...Object.fromEntries(Object.entries(x).map(([n, v]) => [`x.${n}`, v])) };
    const f = (given: Tensors) => {
      const features = Object.fromEntries(layout.tensors.map((t) => [t.name, given[`x.${t.name}`]!]));
      const y = npAttention(given, 'a', layout, layers, HEADS, features);
      return tf.concat(layout.tensors.map((t) => tf.reshape(y[t.name]!, [-1])));
    };
    expect(deadInputs(f, inputs)).toEqual([]);
    if (name === 'tiny') expect(gradientError(f, inputs)).toBeLessThan(1e-2);
  });

  test('refuses what is no chain', () => {
    const layout = layoutOf('nft', tiny, 'all');
    const without = { ...layout, tensors: layout.tensors.filter((t) => t.name !== 'layer2.bias') };
    expect(() => chainOf('nft', without)).toThrow(
      "nft: must get a chain of linear or convolutional layers, each a weight and a bias, got 0 biases beside 'layer2.weight'; use unf for other networks",
    );
    const swapped = {
      ...layout,
      tensors: [layout.tensors[2]!, layout.tensors[3]!, layout.tensors[0]!, layout.tensors[1]!],
    };
    expect(() => chainOf('nft', swapped)).toThrow("got 'layer1.weight', which reads x and not h2");
  });
});
