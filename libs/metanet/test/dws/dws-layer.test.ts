import { cnn } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, deadInputs, gradientError, mapValues, RandomStream, tf } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { dwsLayer, dwsLayerParameters, dwsPlan, dwsTensors, layoutOf } from '@weightspace/metanet';
import type { DwsLayerSettings, DwsTensor } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { chain, shallow, stream, tiny } from '../networks.ts';
import { orbitsOf, rankOfRows } from '../support/rank.ts';
import { featuresAt, placesOf, slowDws } from './slow-dws.ts';
import type { Case } from './slow-dws.ts';

const convolutions = cnn({
  input: { positions: [4, 4], size: 1 },
  features: [3, 'max', 4],
  kernel: 2,
  pool: 'flatten',
  hidden: [5],
  outputs: 2,
} as never);
const published: DwsLayerSettings = { pool: 'max', setLayer: 'attention', heads: 2, perceptron: 1, initScale: 1 };
const variants: readonly Partial<DwsLayerSettings>[] = [
  {},
  { pool: 'mean', heads: 1 },
  { pool: 'attention', perceptron: 2 },
  { pool: 'max', setLayer: 'deep-sets' },
  { pool: 'mean', setLayer: 'deep-sets', perceptron: 2 },
  { pool: 'attention', setLayer: 'deep-sets' },
];

interface Prepared extends Case {
  readonly x: NdArrays;
  readonly apply: (x: NdArrays, params?: NdArrays) => Promise<NdArrays>;
}

const planFor = (a: Architecture, diagonal = false) =>
  dwsPlan(dwsTensors(layoutOf('test', a, 'hidden'), new Set(['input'])), diagonal);

function prepared(a: Architecture, more: Partial<DwsLayerSettings>, c = 3, d = 4, batch = 2): Prepared {
  const settings = { ...published, ...more };
  const plan = planFor(a);
  const first = dwsLayerParameters('layer', plan, [c, d], settings, stream.split('dws'));
  // Biases of the size of weights, and queries that differ, so that none can hide.
  const params = mapValues(first, (array, name) =>
    name.endsWith('weight') ? array : stream.split(name).normal(array.shape, 0, 0.5),
  );
  const x = Object.fromEntries(
    plan.tensors.map((t) => [t.name, stream.split(`x.${t.name}`).normal([batch, t.folded * c, ...t.sizes])]),
  );
  const f = compile((p: Tensors, y: Tensors) => dwsLayer(p, 'layer', plan, [c, d], settings, y), { threads: 1 });
  return {
    params,
    plan,
    settings,
    outputs: d,
    x,
    apply: async (given, own = params) => (await f(own as never, given as never)) as unknown as NdArrays,
  };
}

/** The largest gap between the layer and its definition, over all networks, parameters and places. */
async function gapOf(given: Prepared, params = given.params): Promise<number> {
  const y = await given.apply(given.x, params);
  let gap = 0;
  for (const network of [0, 1]) {
    for (const t of given.plan.tensors) {
      const slow = slowDws(given, given.x, t, network);
      for (const place of placesOf(t)) {
        const want = slow(place);
        featuresAt(t, y[t.name]!, network, place).forEach((value, d) => {
          gap = Math.max(gap, Math.abs(value - want[d]!));
        });
      }
    }
  }
  return gap;
}

describe('dwsLayer', () => {
  test.each(
    Object.entries({ chain, shallow, tiny, convolutions }).flatMap(([name, a]) =>
      variants.map((v) => [name, JSON.stringify(v), a, v] as const),
    ),
  )('on %s with %s agrees with its definition', async (_, __, architecture, more) => {
    expect(await gapOf(prepared(architecture, more))).toBeLessThan(2e-5);
  });

  test('the oracle can fail: it sees one wrong weight of one sub-layer', async () => {
    const given = prepared(tiny, {});
    for (const name of Object.keys(given.params)) {
      const wrong = { ...given.params };
      const array = wrong[name]!;
      wrong[name] = { ...array, data: array.data.map((v, i) => (i === 0 ? v + 3 : v)) as Float32Array };
      expect(await gapOf(given, wrong), name).toBeGreaterThan(1e-4);
    }
  }, 300_000);

  test.each(variants.map((v) => [JSON.stringify(v), v] as const))(
    'with %s: every parameter and every input counts, and gradients are those of differences',
    (_, more) => {
      const asked = (c: number, d: number, batch: number) => {
        const { params, plan, settings, x } = prepared(tiny, more, c, d, batch);
        const inputs = { ...params, ...Object.fromEntries(Object.entries(x).map(([name, v]) => [`x.${name}`, v])) };
        const f = (given: Tensors) => {
          const own = Object.fromEntries(plan.tensors.map(({ name }) => [name, given[`x.${name}`]!]));
          const y = dwsLayer(given, 'layer', plan, [c, d], settings, own);
          return tf.concat(plan.tensors.map(({ name }) => tf.reshape(y[name]!, [-1]) as Tensor));
        };
        return { f, inputs };
      };
      const wide = asked(2, 8, 3);
      expect(deadInputs(wide.f, wide.inputs)).toEqual([]);
      const small = asked(1, 2, 1);
      // A perceptron of two layers has a kink, which some differences step across.
      expect(gradientError(small.f, small.inputs, 2e-3)).toBeLessThan(more.perceptron === 2 ? 5e-2 : 2e-2);
    },
  );

  test('the last but one weight tells each output of the last weight something else', async () => {
    const given = prepared(chain, {});
    const bumped = { ...given.x, 'layer3.weight': stream.split('bump').normal(given.x['layer3.weight']!.shape) };
    const [before, after] = [await given.apply(given.x), await given.apply(bumped)];
    const last = given.plan.tensors.find(({ name }) => name === 'layer4.weight')!;
    const moved = placesOf(last).map((place) => {
      const [a, b] = [before, after].map((y) => featuresAt(last, y['layer4.weight']!, 0, place));
      return b!.map((v, i) => v - a![i]!);
    });
    // Channels of the first output, then of the second: the public code's sub-layer moves both alike.
    const apart = moved.map((v) => Math.max(...v.slice(0, 4).map((m, c) => Math.abs(m - v[4 + c]!))));
    expect(Math.min(...apart)).toBeGreaterThan(1e-3);
  });

  test.each([
    ['tiny', tiny],
    ['shallow', shallow],
  ] as const)('on %s, with linear layers and means: all equivariant maps, none twice', async (_, architecture) => {
    const layout = layoutOf('test', architecture, 'hidden');
    expect(await rankOf(architecture)).toBe(orbitsOf(layout));
    expect(await rankOf(architecture, /layer\.layer2\.weight\..*pooled/)).toBeLessThan(orbitsOf(layout));
  });

  test('diagonal keeps what shares a space', () => {
    const pairs = (diagonal: boolean) => {
      const { sets, vectors, matrices } = planFor(chain, diagonal);
      const short = ({ name }: DwsTensor) => name.replace('layer', '').replace('.weight', 'w').replace('.bias', 'b');
      return [
        ...sets.flatMap((g) => g.targets.map((t) => `${short(g.from)}→${short(t)}`)),
        ...vectors.flatMap((g) => g.targets.map((t) => `${short(g.from)}→${short(t)}`)),
        ...matrices.map(({ from, to }) => `${short(from)}→${short(to)}`),
      ].toSorted();
    };
    expect(pairs(false)).toHaveLength(64);
    const near = (i: number, j: number) => [
      ...(Math.abs(i - j) <= 1 ? [`${i}w→${j}w`] : []),
      ...(i === j ? [`${i}b→${j}b`] : []),
      ...(j === i || j === i + 1 ? [`${i}b→${j}w`] : []),
      ...(j === i || j === i - 1 ? [`${i}w→${j}b`] : []),
    ];
    const layers = [1, 2, 3, 4];
    expect(pairs(true)).toEqual(layers.flatMap((i) => layers.flatMap((j) => near(i, j))).toSorted());
  });
});

/** Rank of the span of the layer's maps (1 channel, without biases) over its parameters, one at a time. */
async function rankOf(architecture: Architecture, without = /^$/): Promise<number> {
  const { params, plan, apply } = prepared(architecture, { pool: 'mean', setLayer: 'deep-sets' }, 1, 1, 40);
  const zero = mapValues(params, (array) => ({ ...array, data: new Float32Array(array.data.length) }));
  const x = Object.fromEntries(
    plan.tensors.map((t) => [t.name, stream.split(t.name).normal([40, t.folded, ...t.sizes])]),
  );
  const rows: number[][] = [];
  for (const [name, array] of Object.entries(zero)) {
    if (name.endsWith('bias') || without.test(name)) continue;
    for (let i = 0; i < array.data.length; i++) {
      const one = { ...zero, [name]: { ...array, data: array.data.map((_, j) => Number(i === j)) } };
      const y = await apply(x, one);
      rows.push(plan.tensors.flatMap((t) => Array.from(y[t.name]!.data)));
    }
  }
  return rankOfRows(rows);
}

test('starts as each sub-layer would alone: deviation by its own width', () => {
  const plan = planFor(chain);
  const params = dwsLayerParameters('layer', plan, [32, 32], published, RandomStream.fromSeed(1));
  for (const [name, { data, shape }] of Object.entries(params)) {
    if (name.endsWith('bias')) expect(Math.max(...data.map(Math.abs))).toBeLessThan(1e-4);
    if (!/layer3\.weight\.(vector|layer)/.test(name) || shape.length !== 2 || !name.endsWith('weight')) continue;
    // From 32 channels to 32: √(2/64) · √2; rows of other widths are drawn apart.
    const last = data.subarray(0, 32 * shape[1]!);
    const deviation = Math.sqrt(last.reduce((s, v) => s + v * v, 0) / last.length);
    if (name.includes('layer3.weight.layer3.weight')) expect(deviation / 0.25).toBeCloseTo(1, 1);
  }
});
