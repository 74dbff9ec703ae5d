import { cnn } from '@weightspace/architecture';
import { compile, deadInputs, gradientError, ndarray, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { layerNorms, layoutOf, normKinds, normParameters, normalize } from '@weightspace/metanet';
import type { Layout, NormKind, TensorLayout } from '@weightspace/metanet';
import { assertEquivariance, permuteAxes } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { featuresOf, tiny } from '../networks.ts';

const stream = RandomStream.fromSeed(29);
const convolutional = cnn({ input: { positions: [5, 5], size: 2 }, features: [3, 5], kernel: 2, outputs: 4 });
const CHANNELS = 3;
const cases = Object.entries({ tiny, convolutional }).flatMap(([name, architecture]) =>
  (['hidden', 'all'] as const).flatMap((permutable) =>
    normKinds.map((kind) => {
      const fixed = new Set(architecture.spaces.filter((s) => !s.free).map((s) => s.name));
      return [kind, name, permutable, layoutOf('test', architecture, permutable), fixed] as const;
    }),
  ),
);

/** Gains near 1 and shifts near 0, all different. */
const paramsOf = (kind: NormKind, layout: Layout, fixed: ReadonlySet<string>): NdArrays =>
  Object.fromEntries(
    Object.entries(normParameters(kind, 'n', layout, CHANNELS, fixed)).map(([name, { data, shape }]) => {
      const noise = stream.split(name).normal(shape, 0, 0.3);
      return [
        name,
        ndarray(
          Float32Array.from(data, (v, i) => v + noise.data[i]!),
          shape,
        ),
      ];
    }),
  );

const apply = (kind: NormKind, layout: Layout, fixed: ReadonlySet<string>, params: NdArrays) => {
  const f = compile((p: Tensors, x: Tensors) => layerNorms(kind, p, 'n', layout, x, fixed), { threads: 1 });
  return async (x: NdArrays) => (await f(params as never, x as never)) as unknown as NdArrays;
};

/** Which entries are normalized together: all whose key is the same. */
function keyOf(kind: NormKind, t: TensorLayout, fixed: ReadonlySet<string>, indices: readonly number[]): string {
  const [network, ...rest] = indices;
  const channel = rest.pop()!;
  const kept = rest.filter((_, i) => kind !== 'param' || !fixed.has(t.spaces[i]!));
  return [network, ...kept, kind === 'channel' ? Math.floor(channel / CHANNELS) : ''].join();
}

function slow(kind: NormKind, t: TensorLayout, fixed: ReadonlySet<string>, params: NdArrays, x: NdArrays): number[] {
  const { data, shape } = x[t.name]!;
  const indicesOf = (at: number) =>
    shape.map((size, axis) => Math.floor(at / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
  const groups = new Map<string, number[]>();
  data.forEach((v, at) => {
    const key = keyOf(kind, t, fixed, indicesOf(at));
    groups.set(key, [...(groups.get(key) ?? []), v]);
  });
  const label = kind === 'channel' ? 'n' : `n.${t.name}`;
  const [gain, shift] = [params[`${label}.gain`]!, params[`${label}.shift`]!];
  return Array.from(data, (v, at) => {
    const indices = indicesOf(at);
    const group = groups.get(keyOf(kind, t, fixed, indices))!;
    const mean = group.reduce((a, b) => a + b) / group.length;
    const squares = group.reduce((a, b) => a + (b - mean) ** 2, 0);
    const scale =
      kind === 'param'
        ? Math.sqrt(squares / group.length + 1e-5)
        : Math.sqrt(squares / Math.max(1, group.length - 1)) + 1e-5;
    const own = indices.slice(1);
    const place =
      kind === 'channel'
        ? own.at(-1)! % CHANNELS
        : gain.shape.reduce(
            (n, size, axis) => n * size + (size === 1 ? 0 : own[axis + own.length - gain.shape.length]!),
            0,
          );
    return ((v - mean) / scale) * gain.data[place]! + shift.data[place]!;
  });
}

describe('layerNorms', () => {
  test.each(cases)('%s on %s, %s spaces permutable, agrees with its definition', async (kind, _, __, layout, fixed) => {
    const [params, x] = [paramsOf(kind, layout, fixed), featuresOf(layout, CHANNELS)];
    const y = await apply(kind, layout, fixed, params)(x);
    for (const t of layout.tensors) {
      const want = slow(kind, t, fixed, params, x);
      want.forEach((v, i) => expect(Math.abs(v - y[t.name]!.data[i]!)).toBeLessThan(1e-4));
    }
  });

  test.each(cases)('%s on %s, %s spaces, is equivariant', async (kind, _, __, layout, fixed) => {
    const free = [...layout.spaces].filter(([space]) => kind !== 'param' || !fixed.has(space));
    const element: GroupElement = Object.fromEntries(
      free.map(([name, size]) => [
        name,
        { permutation: Int32Array.from({ length: size }, (_unused, i) => (i + 1) % size) },
      ]),
    );
    const act = (g: GroupElement, x: NdArrays): NdArrays =>
      Object.fromEntries(
        layout.tensors.map((t) => [
          t.name,
          permuteAxes(g, x[t.name]!, [undefined, ...t.spaces.map((s) => (g[s] ? s : undefined)), undefined]),
        ]),
      );
    const report = await assertEquivariance({
      f: apply(kind, layout, fixed, paramsOf(kind, layout, fixed)),
      input: featuresOf(layout, CHANNELS, 4),
      elements: [element],
      actIn: act,
      actOut: act,
    });
    expect(report.error).toBeLessThan(1e-5);
  });

  test('param with all spaces permuted is not: inputs and outputs have gains of their own', async () => {
    const [, , , layout, fixed] = cases.find(([kind, , permutable]) => kind === 'param' && permutable === 'all')!;
    const element = { x: { permutation: Int32Array.from([1, 0]) } } as unknown as GroupElement;
    const act = (g: GroupElement, x: NdArrays): NdArrays =>
      Object.fromEntries(
        layout.tensors.map((t) => [
          t.name,
          permuteAxes(g, x[t.name]!, [undefined, ...t.spaces.map((s) => (s === 'x' ? s : undefined)), undefined]),
        ]),
      );
    const run = assertEquivariance({
      f: apply('param', layout, fixed, paramsOf('param', layout, fixed)),
      input: featuresOf(layout, CHANNELS, 4),
      elements: [element],
      actIn: act,
      actOut: act,
    });
    await expect(run).rejects.toThrow('layer1.weight');
  });

  test.each(cases)(
    '%s on %s, %s: all counts, with the gradients of differences',
    (kind, name, permutable, layout, fixed) => {
      const inputs = {
        ...paramsOf(kind, layout, fixed),
        ...Object.fromEntries(Object.entries(featuresOf(layout, CHANNELS, 1)).map(([n, v]) => [`x.${n}`, v])),
      };
      const f = (given: Tensors) => {
        const x = Object.fromEntries(layout.tensors.map((t) => [t.name, given[`x.${t.name}`]!]));
        const y = layerNorms(kind, given, 'n', layout, x, fixed);
        return tf.concat(layout.tensors.map((t) => tf.reshape(y[t.name]!, [-1])));
      };
      expect(deadInputs(f, inputs)).toEqual([]);
      if (name === 'tiny' && permutable === 'all') expect(gradientError(f, inputs, 3e-3)).toBeLessThan(1e-2);
    },
  );
});

describe('normalize', () => {
  test.each(['variance', 'deviation'] as const)('by %s has the gradient of differences', (by) => {
    expect(gradientError((x: Tensor) => normalize(x, by), stream.normal([3, 5]))).toBeLessThan(1e-2);
  });

  test.each(['variance', 'deviation'] as const)(
    'by %s gives 0 for equal values and for a single one, and no NaN in gradients',
    (by) => {
      for (const shape of [
        [2, 4],
        [3, 1],
      ]) {
        const x = toTensor(ndarray(new Float32Array(shape[0]! * shape[1]!).fill(7), shape));
        const [y, slope] = [
          normalize(x, by),
          tf.grad((z: Tensor) => tf.sum(tf.square(tf.add(normalize(z, by), 1))))(x),
        ];
        expect(Array.from(y.dataSync()).every((v) => v === 0)).toBe(true);
        expect(Array.from((slope as Tensor).dataSync()).every(Number.isFinite)).toBe(true);
      }
    },
  );
});
