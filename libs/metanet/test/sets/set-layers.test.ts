import {
  assertClose,
  deadInputs,
  gradientError,
  mapValues,
  ndarray,
  tf,
  toTensor,
  fromTensor,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  attend,
  deepSetsLayer,
  deepSetsParameters,
  isab,
  isabParameters,
  mab,
  mabParameters,
  pma,
  pmaParameters,
  poolSet,
  sab,
  sabParameters,
  setPools,
} from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { stream } from '../networks.ts';

const [BATCH, MEMBERS, KEYS, CHANNELS, OUT] = [2, 5, 7, 3, 6];
const x = stream.split('x').normal([BATCH, MEMBERS, CHANNELS]);
const y = stream.split('y').normal([BATCH, KEYS, 4]);
const range = (n: number) => [...Array(n).keys()];
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const row = (a: NdArray, ...at: number[]): number[] => {
  const width = a.shape.at(-1)!;
  const start = at.reduce((i, j, axis) => i * a.shape[axis]! + j, 0) * width;
  return Array.from(a.data.subarray(start, start + width));
};
const tensors = (arrays: NdArrays): Tensors => mapValues(arrays, (a) => toTensor(a));
const valuesOf = (f: () => Tensor): NdArray => fromTensor(tf.tidy(f));

/** x · weight + bias, by loops. */
function linear(params: NdArrays, name: string, v: readonly number[]): number[] {
  const [weight, bias] = [params[`${name}.weight`]!, params[`${name}.bias`]];
  return range(weight.shape[1]!).map(
    (d) => sum(v.map((u, c) => u * weight.data[c * weight.shape[1]! + d]!)) + (bias ? bias.data[d]! : 0),
  );
}

function softmax(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const e = scores.map((s) => Math.exp(s - top));
  return e.map((v) => v / sum(e));
}

function normed(params: NdArrays, name: string, v: readonly number[]): number[] {
  const gain = params[`${name}.gain`];
  if (!gain) return [...v];
  const mean = sum(v) / v.length;
  const deviation = Math.sqrt(sum(v.map((u) => (u - mean) ** 2)) / v.length + 1e-5);
  return v.map((u, c) => ((u - mean) / deviation) * gain.data[c]! + params[`${name}.shift`]!.data[c]!);
}

/** The block by its definition, for one set of queries and one of keys. */
function slowMab(params: NdArrays, name: string, queries: number[][], keys: number[][], heads: number): number[][] {
  const [k, v] = ['key', 'value'].map((part) => keys.map((u) => linear(params, `${name}.${part}`, u)));
  return queries.map((u) => {
    const q = linear(params, `${name}.query`, u);
    const size = q.length / heads;
    const taken = range(heads).flatMap((head) => {
      const channels = range(size).map((c) => head * size + c);
      const shares = softmax(k!.map((key) => sum(channels.map((c) => q[c]! * key[c]!)) / Math.sqrt(q.length)));
      return channels.map((c) => sum(v!.map((value, n) => shares[n]! * value[c]!)));
    });
    const hidden = normed(
      params,
      `${name}.norm0`,
      q.map((a, c) => a + taken[c]!),
    );
    const fed = linear(params, `${name}.out`, hidden);
    return normed(
      params,
      `${name}.norm1`,
      hidden.map((a, c) => a + Math.max(fed[c]!, 0)),
    );
  });
}

const membersOf = (a: NdArray, network: number): number[][] => range(a.shape[1]!).map((n) => row(a, network, n));
/** Gains and shifts that aren't 1 and 0, so that neither can hide. */
const stirred = (params: NdArrays): NdArrays =>
  mapValues(params, (a, name) => (/gain|shift|query$/.test(name) ? stream.split(name).normal(a.shape, 1, 0.3) : a));

describe.each([
  [1, false],
  [2, true],
] as const)('attention blocks with %d heads, norm %s', (heads, norm) => {
  const settings = { heads, norm };
  const params = stirred(mabParameters('m', [CHANNELS, 4, OUT], settings, stream.split('mab')));

  test('mab agrees with its definition', () => {
    const z = valuesOf(() => mab(tensors(params), 'm', toTensor(x), toTensor(y), settings));
    for (const network of [0, 1]) {
      const want = slowMab(params, 'm', membersOf(x, network), membersOf(y, network), heads);
      want.forEach((values, n) => values.forEach((v, d) => expect(row(z, network, n)[d]).toBeCloseTo(v, 4)));
    }
  });

  test('mab sees no key that is masked, and nothing where all are', () => {
    const mask = ndarray(
      range(BATCH * KEYS).map((i) => Number(i >= KEYS || i < 3)),
      [BATCH, KEYS],
    );
    const short = ndarray(Array.from(y.data.subarray(0, 3 * 4)), [1, 3, 4]);
    const first = ndarray(Array.from(x.data.subarray(0, MEMBERS * CHANNELS)), [1, MEMBERS, CHANNELS]);
    const masked = valuesOf(() => mab(tensors(params), 'm', toTensor(x), toTensor(y), settings, toTensor(mask)));
    const alone = valuesOf(() => mab(tensors(params), 'm', toTensor(first), toTensor(short), settings));
    range(MEMBERS).forEach((n) => row(alone, 0, n).forEach((v, d) => expect(row(masked, 0, n)[d]).toBeCloseTo(v, 5)));
    const nobody = ndarray(new Float32Array(BATCH * KEYS), [BATCH, KEYS]);
    const empty = valuesOf(() => mab(tensors(params), 'm', toTensor(x), toTensor(y), settings, toTensor(nobody)));
    // Without keys H = LN(Q): values that can be had from keys of value 0.
    const noValues = { ...params };
    for (const part of ['weight', 'bias'])
      noValues[`m.value.${part}`] = ndarray(
        new Float32Array(params[`m.value.${part}`]!.data.length),
        params[`m.value.${part}`]!.shape,
      );
    const zero = valuesOf(() => mab(tensors(noValues), 'm', toTensor(x), toTensor(y), settings));
    assertClose(empty, zero, { rtol: 1e-5, atol: 1e-5 });
  });

  test('isab and pma are blocks of blocks', () => {
    const ofIsab = stirred(isabParameters('i', [CHANNELS, OUT, 3], settings, stream.split('isab')));
    const z = valuesOf(() => isab(tensors(ofIsab), 'i', toTensor(x), settings));
    const points = range(3).map((n) => row(ofIsab['i.points']!, 0, n));
    const gathered = slowMab(ofIsab, 'i.gather', points, membersOf(x, 1), heads);
    slowMab(ofIsab, 'i.spread', membersOf(x, 1), gathered, heads).forEach((values, n) =>
      values.forEach((v, d) => expect(row(z, 1, n)[d]).toBeCloseTo(v, 4)),
    );
    const six = stream.split('six').normal([BATCH, MEMBERS, OUT]);
    const ofPma = stirred(pmaParameters('p', [OUT, 2], settings, stream.split('pma')));
    const pooled = valuesOf(() => pma(tensors(ofPma), 'p', toTensor(six), settings));
    const fed = membersOf(six, 0).map((v) => linear(ofPma, 'p.feed', v).map((u) => Math.max(u, 0)));
    const seeds = range(2).map((n) => row(ofPma['p.seeds']!, 0, n));
    slowMab(ofPma, 'p.pool', seeds, fed, heads).forEach((values, n) =>
      values.forEach((v, d) => expect(row(pooled, 0, n)[d]).toBeCloseTo(v, 4)),
    );
  });

  test('sab: every parameter and input counts, and gradients are those of differences', () => {
    const ofSab = sabParameters('s', CHANNELS, OUT, settings, stream.split('sab'));
    const f = (given: Tensors) => sab(given, 's', given['x']!, settings);
    expect(deadInputs(f, { ...ofSab, x })).toEqual([]);
    expect(gradientError(f, { ...ofSab, x }, 3e-3)).toBeLessThan(2e-2);
  });
});

describe('attend', () => {
  const [q, k, v] = [
    stream.split('q').normal([2, 3, 4, 5]),
    stream.split('k').normal([2, 3, 4, 7]),
    stream.split('v').normal([2, 3, 2, 7]),
  ] as const;

  test('has the gradients of differences, with a mask too', () => {
    const mask = toTensor(ndarray([1, 1, 0, 1, 0, 1, 1], [1, 1, 7, 1]));
    for (const m of [undefined, mask]) {
      const f = (given: Tensors) => attend(given['q']!, given['k']!, given['v']!, 0.7, m);
      expect(gradientError(f, { q, k, v })).toBeLessThan(1e-3);
    }
  });

  test('stays finite at ±100', () => {
    const big = (a: NdArray): Tensor => tf.mul(toTensor(a), 100);
    const z = valuesOf(() => attend(big(q), big(k), big(v), 1));
    expect([...z.data].every(Number.isFinite)).toBe(true);
  });
});

describe('deepSetsLayer', () => {
  test.each(setPools)('with %s agrees with its definition, and every parameter counts', (pool) => {
    const params = stirred(deepSetsParameters('d', CHANNELS, OUT, pool, stream.split('deep')));
    const z = valuesOf(() => deepSetsLayer(tensors(params), 'd', toTensor(x), pool));
    for (const network of [0, 1]) {
      const members = membersOf(x, network);
      const column = (c: number) => members.map((m) => m[c]!);
      const query = params['d.query'];
      const shares = query ? softmax(members.map((m) => sum(m.map((u, c) => u * query.data[c]!)))) : [];
      const of = {
        max: (c: number) => Math.max(...column(c)),
        mean: (c: number) => sum(column(c)) / MEMBERS,
        sum: (c: number) => sum(column(c)),
        attention: (c: number) => sum(column(c).map((u, n) => u * shares[n]!)),
      };
      const pooled = range(CHANNELS).map((c) => of[pool](c));
      const whole = linear(params, 'd.pooled', pooled);
      members.forEach((m, n) =>
        linear(params, 'd.self', m).forEach((u, d) => expect(row(z, network, n)[d]).toBeCloseTo(u - whole[d]!, 4)),
      );
    }
    const f = (given: Tensors) => deepSetsLayer(given, 'd', given['x']!, pool);
    expect(deadInputs(f, { ...params, x })).toEqual([]);
    expect(gradientError(f, { ...params, x }, 3e-3)).toBeLessThan(1e-2);
  });

  test('poolSet of one member is that member', () => {
    const one = stream.split('one').normal([2, 1, 3]);
    const query = toTensor(stream.split('query').normal([3]));
    for (const pool of setPools)
      assertClose(
        valuesOf(() => poolSet(pool, toTensor(one), 1, 2, query)),
        one,
        { rtol: 1e-6, atol: 1e-6 },
      );
  });
});
