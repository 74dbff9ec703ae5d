import { deadInputs, gradientError, ndarray, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { equivariantLinear, layoutOf, MetanetError } from '@weightspace/metanet';
import type { Layout, Permutable, TensorLayout } from '@weightspace/metanet';
import { defineArchitecture } from '@weightspace/architecture';
import { describe, expect, test } from 'vitest';

import { chain, featuresOf, layerOf, shallow, tiny } from './networks.ts';

/** Features of one network as a function of indices of the permutable axes and a channel; plain numbers. */
type Read = (indices: readonly number[], channel: number) => number;

function reader(t: TensorLayout, x: NdArray, channels: number, network: number): Read {
  const sizes = t.axes.map((axis) => t.shape[axis]!);
  const width = t.folded * channels;
  const stride = sizes.reduce((a, b) => a * b, 1) * width;
  return (indices, channel) =>
    x.data[network * stride + indices.reduce((at, i, axis) => at * sizes[axis]! + i, 0) * width + channel]!;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const range = (n: number) => [...Array(n).keys()];

/** Mean of a tensor over all entries whose neuron in `space` is `j` (or over all entries). */
function pooled(t: TensorLayout, read: Read, channel: number, space?: string, j?: number): number {
  const sizes = t.axes.map((axis) => t.shape[axis]!);
  const all = sizes.reduce<number[][]>(
    (list, size) => list.flatMap((head) => range(size).map((i) => [...head, i])),
    [[]],
  );
  return mean(
    all
      .filter((indices) => space === undefined || indices[t.spaces.indexOf(space)] === j)
      .map((indices) => read(indices, channel)),
  );
}

/** The layer by its definition: for every output entry, a sum over every source and every way of sharing neurons. */
function slow(
  layout: Layout,
  params: NdArrays,
  x: NdArrays,
  c: number,
  d: number,
  network: number,
): Map<TensorLayout, Map<string, number>> {
  const reads = new Map(layout.tensors.map((t) => [t, reader(t, x[t.name]!, c, network)]));
  const matrixOf = (label: string) => params[`layer.${label}.weight`]!;
  const offset = (tensors: readonly TensorLayout[], t: TensorLayout, channels: number) =>
    tensors.slice(0, tensors.indexOf(t)).reduce((n, u) => n + u.folded * channels, 0);
  const at = (m: NdArray, row: number, column: number) => m.data[row * m.shape[1]! + column]!;
  const result = new Map<TensorLayout, Map<string, number>>();
  for (const target of layout.tensors) {
    const sizes = target.axes.map((axis) => target.shape[axis]!);
    const entries = sizes.reduce<number[][]>(
      (list, size) => list.flatMap((head) => range(size).map((i) => [...head, i])),
      [[]],
    );
    const own = new Map<string, number>();
    for (const indices of entries) {
      for (const out of range(target.folded * d)) {
        let sum = params['layer.bias']!.data[offset(layout.tensors, target, d) + out]!;
        const add = (
          label: string,
          tensors: readonly TensorLayout[],
          value: (t: TensorLayout, channel: number) => number,
        ) => {
          for (const t of tensors)
            for (const channel of range(t.folded * c))
              sum +=
                value(t, channel) *
                at(matrixOf(label), offset(tensors, t, c) + channel, offset(tensors, target, d) + out);
        };
        add('global', layout.tensors, (t, channel) => pooled(t, reads.get(t)!, channel));
        target.spaces.forEach((space, axis) => {
          add(
            space,
            layout.tensors.filter((t) => t.spaces.includes(space)),
            (t, channel) => pooled(t, reads.get(t)!, channel, space, indices[axis]!),
          );
        });
        if (target.spaces.length === 2) {
          const group = layout.tensors.filter(
            (t) => t.spaces.length === 2 && [...t.spaces].sort().join() === [...target.spaces].sort().join(),
          );
          add(group[0]!.name, group, (t, channel) =>
            reads.get(t)!(
              t.spaces.map((space) => indices[target.spaces.indexOf(space)]!),
              channel,
            ),
          );
        }
        own.set([...indices, out].join(), sum);
      }
    }
    result.set(target, own);
  }
  return result;
}

const cases = Object.entries({ chain, tiny, shallow }).flatMap(([name, a]) =>
  (['hidden', 'all'] as Permutable[]).map((p) => [name, p, layoutOf('test', a, p)] as const),
);

describe('equivariantLinear', () => {
  test.each(cases)('on %s, %s spaces permutable, agrees with its definition', async (_, _permutable, layout) => {
    const { params, apply } = layerOf(layout, 2, 3);
    const x = featuresOf(layout, 2);
    const y = await apply(x);
    for (const network of [0, 1]) {
      for (const [t, want] of slow(layout, params, x, 2, 3, network)) {
        const read = reader(t, y[t.name]!, 3, network);
        for (const [key, value] of want) {
          const indices = key.split(',').map(Number);
          expect(Math.abs(read(indices.slice(0, -1), indices.at(-1)!) - value)).toBeLessThan(2e-5);
        }
      }
    }
  });

  test.each(cases)(
    'on %s, %s: every parameter and every input counts, and gradients are those of differences',
    (_, _permutable, layout) => {
      const { params } = layerOf(layout, 1, 2);
      const inputs = {
        ...params,
        ...Object.fromEntries(Object.entries(featuresOf(layout, 1)).map(([name, x]) => [`x.${name}`, x])),
      };
      const f = (given: Tensors) => {
        const x = Object.fromEntries(layout.tensors.map(({ name }) => [name, given[`x.${name}`]!]));
        const y = equivariantLinear(given, 'layer', layout, x);
        return tf.concat(layout.tensors.map(({ name }) => tf.reshape(y[name]!, [-1])));
      };
      expect(deadInputs(f, inputs)).toEqual([]);
      if (layout.tensors.length <= 6) expect(gradientError(f, inputs)).toBeLessThan(1e-2);
    },
  );

  test.each(cases.filter(([name]) => name !== 'chain'))(
    'on %s, %s: spans all equivariant maps, none twice',
    async (_, _permutable, layout) => {
      expect(await rankOf(layout)).toBe(orbits(layout));
    },
  );

  test('a layer that forgets a term has a lower rank', async () => {
    const layout = layoutOf('test', tiny, 'hidden');
    expect(await rankOf(layout, 'layer.h1.weight')).toBeLessThan(orbits(layout));
  });

  test('the bias before the last layer moves one column of the last weight', async () => {
    const layout = layoutOf('test', tiny, 'hidden');
    const { apply } = layerOf(layout, 1, 1);
    const x = featuresOf(layout, 1, 1);
    const bumped = {
      ...x,
      'layer2.bias': {
        ...x['layer2.bias']!,
        data: x['layer2.bias']!.data.map((v, k) => (k === 2 ? v + 1 : v)) as Float32Array,
      },
    };
    const [before, after] = [await apply(x), await apply(bumped)];
    const moved = Array.from(after['layer3.weight']!.data, (v, k) => v - before['layer3.weight']!.data[k]!);
    const others = moved.filter((_, k) => k !== 2);
    expect(Math.abs(moved[2]! - others[0]!)).toBeGreaterThan(1e-2);
    others.forEach((v) => expect(v).toBeCloseTo(others[0]!, 5));
  });
});

/** Rank of the span of the layer's maps (1 channel, without bias) over its parameters, one at a time. */
async function rankOf(layout: Layout, without = ''): Promise<number> {
  const { params, apply } = layerOf(layout, 1, 1);
  const rows: number[][] = [];
  const weights = Object.entries(params).filter(([name]) => name !== 'layer.bias' && name !== without);
  for (const array of Object.values(params)) array.data.fill(0);
  const x = featuresOf(layout, 1, 40);
  for (const [, { data }] of weights) {
    for (let i = 0; i < data.length; i++) {
      data[i] = 1;
      const y = await apply(x);
      rows.push(layout.tensors.flatMap(({ name }) => Array.from(y[name]!.data)));
      data[i] = 0;
    }
  }
  return rank(rows);
}

/** By elimination with pivots; rows are scaled first. */
function rank(rows: number[][]): number {
  const m = rows.map((row) => {
    const scale = Math.hypot(...row) || 1;
    return row.map((v) => v / scale);
  });
  let found = 0;
  for (let step = 0; step < m.length; step++) {
    let [best, row, column] = [1e-3, -1, -1];
    for (let i = found; i < m.length; i++) {
      for (let j = 0; j < m[i]!.length; j++)
        if (Math.abs(m[i]![j]!) > best) [best, row, column] = [Math.abs(m[i]![j]!), i, j];
    }
    if (row < 0) break;
    [m[found], m[row]] = [m[row]!, m[found]!];
    for (let i = found + 1; i < m.length; i++) {
      const factor = m[i]![column]! / m[found]![column]!;
      for (let j = 0; j < m[i]!.length; j++) m[i]![j]! -= factor * m[found]![j]!;
    }
    found++;
  }
  return found;
}

/**
 * The dimension of the space of equivariant maps: the number of orbits of pairs (entry in, entry out) under the group.
 * Two pairs are in one orbit when their neurons coincide in the same places; counted by brute force over all pairs.
 */
function orbits(layout: Layout): number {
  const entries = layout.tensors.flatMap((t) => {
    const sizes = t.axes.map((axis) => t.shape[axis]!);
    const all = sizes.reduce<number[][]>(
      (list, size) => list.flatMap((head) => range(size).map((i) => [...head, i])),
      [[]],
    );
    return all.flatMap((indices) => range(t.folded).map((channel) => ({ t, indices, channel })));
  });
  const seen = new Set<string>();
  for (const a of entries) {
    for (const b of entries) {
      const shared = a.t.spaces.map((space, i) => {
        const j = b.t.spaces.indexOf(space);
        return j < 0 ? '-' : a.indices[i] === b.indices[j] ? '=' : '≠';
      });
      seen.add([a.t.name, a.channel, b.t.name, b.channel, ...shared].join(' '));
    }
  }
  return seen.size;
}

describe('layoutOf', () => {
  test('refuses a parameter that indexes one space twice', () => {
    const tied = defineArchitecture({
      schema: 'weightspace-architecture/1',
      name: 'residual',
      inputs: [{ name: 'input', size: 2 }],
      layers: [
        { name: 'a', kind: 'linear', inputs: ['input'], size: 3, activation: { kind: 'tanh' } },
        { name: 'b', kind: 'linear', inputs: ['a'], size: 3, activation: { kind: 'tanh' } },
        { name: 'sum', kind: 'add', inputs: ['a', 'b'], activation: { kind: 'identity' } },
        { name: 'c', kind: 'linear', inputs: ['sum'], size: 1, activation: { kind: 'identity' } },
      ],
      output: 'c',
      outputOffset: 0,
    } as never);
    expect(() => layoutOf('nfn-np', tied, 'hidden')).toThrow(MetanetError);
    expect(() => layoutOf('nfn-np', tied, 'hidden')).toThrow("at most two permutable axes that differ, got 'b.weight'");
  });
});

test('the oracle can fail: it sees one wrong weight', async () => {
  const layout = layoutOf('test', tiny, 'hidden');
  const { params, apply } = layerOf(layout, 1, 1);
  const x = featuresOf(layout, 1, 1);
  const y = await apply(x);
  const wrong = {
    ...params,
    'layer.h1.weight': ndarray(
      params['layer.h1.weight']!.data.map((v, i) => (i === 0 ? v + 0.1 : v)) as Float32Array,
      params['layer.h1.weight']!.shape,
    ),
  };
  const want = slow(layout, wrong, x, 1, 1, 0);
  const gaps = [...want].flatMap(([t, values]) =>
    [...values].map(([key, v]) =>
      Math.abs(reader(t, y[t.name]!, 1, 0)(key.split(',').map(Number).slice(0, -1), Number(key.split(',').at(-1))) - v),
    ),
  );
  expect(Math.max(...gaps)).toBeGreaterThan(1e-3);
});
