import {
  countParameters,
  findNonFinite,
  flatten,
  ndarray,
  ParameterError,
  sameBits,
  scalar,
  tf,
  unflatten,
  zeros,
} from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => tf.setBackend('cpu'));

const [a, b, c] = [zeros([2, 3]), zeros([5]), scalar(1)];

describe('flatten and unflatten', () => {
  const tree = { body: [{ hidden: { weight: a, bias: b } }, { scale: c }], head: { weight: b } };
  const flat = { 'body.0.hidden.weight': a, 'body.0.hidden.bias': b, 'body.1.scale': c, 'head.weight': b };

  test('are each other’s inverse, in the same order', () => {
    expect(flatten(tree)).toEqual(flat);
    expect(Object.keys(flatten(tree))).toEqual(Object.keys(flat));
    expect(unflatten(flat)).toEqual(tree);
    expect(Object.keys(flatten(unflatten(flat)))).toEqual(Object.keys(flat));
  });

  test('take tensors', () => {
    const t = tf.scalar(3);
    expect(flatten({ x: [t] })['x.0']).toBe(t);
    expect(unflatten({ 'x.0': t })).toEqual({ x: [t] });
  });

  test('make a list only of 0 to n−1, in whatever order they come', () => {
    expect(unflatten({ '1': b, '0': a })).toEqual([a, b]);
    expect(unflatten({ '1': b, '2': a })).toEqual({ 1: b, 2: a });
    expect(unflatten({ 'x.00': a })).toEqual({ x: { '00': a } });
    const twelve = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`layer.${i}`, scalar(i)]));
    expect((unflatten(twelve) as { layer: NdArray[] }).layer.map(({ data }) => data[0])).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });

  test('take nothing, and names of every object’s members', () => {
    expect([flatten({}), unflatten({})]).toEqual([{}, {}]);
    const odd = Object.fromEntries([['__proto__.constructor', a]]) as NdArrays;
    expect(Object.keys(flatten(unflatten(odd)))).toEqual(['__proto__.constructor']);
  });

  test.each<[unknown, string]>([
    [{ 'x.y': a }, "flatten: key 'x.y' below '' must not be empty or contain '.'; rename it"],
    [{ x: { '': a } }, "flatten: key '' below 'x' must not be empty or contain '.'; rename it"],
    [{ x: [a, 3] }, "flatten: 'x.1' must be an array, a tensor, a list or a record of them, got 3"],
    [{ x: undefined }, "flatten: 'x' must be an array, a tensor, a list or a record of them, got undefined"],
    [a, 'flatten: tree must be a list or a record, got a single array'],
  ])('flatten refuses %#', (wrong, message) => {
    const act = () => flatten(wrong as object);
    expect(act).toThrow(ParameterError);
    expect(act).toThrow(message);
  });

  test.each<[NdArrays, string]>([
    [{ a, 'a.b': b }, "unflatten: 'a.b' must not be both an array and a group, got another name for 'a'"],
    [{ 'x.a.b': b, 'x.a': a }, "unflatten: 'x.a' must not be both an array and a group, got another name for 'x.a'"],
    [{ 'a..b': a }, "unflatten: 'a..b' must not have an empty part"],
    [{ '': a }, "unflatten: '' must not have an empty part"],
  ])('unflatten refuses %#', (wrong, message) => {
    expect(() => unflatten(wrong)).toThrow(ParameterError);
    expect(() => unflatten(wrong)).toThrow(message);
  });
});

test('countParameters counts numbers, of arrays and of tensors', () => {
  expect(countParameters({ a, b, c, none: zeros([0, 7]) })).toBe(6 + 5 + 1);
  expect(countParameters({ t: tf.zeros([4, 2]) })).toBe(8);
  expect(countParameters({})).toBe(0);
});

describe('sameBits', () => {
  const x = { w: ndarray([1, NaN, -0], [3]), b: ndarray(Int32Array.of(4), [1]) };

  test('holds for copies, in any order of names, with NaN', () => {
    expect(sameBits(x, { b: ndarray(Int32Array.of(4), [1]), w: ndarray([1, NaN, -0], [3]) })).toBe(true);
    expect(sameBits({}, {})).toBe(true);
  });

  test('compares views by what they show', () => {
    const memory = Float32Array.of(9, 1, NaN, -0, 9);
    expect(sameBits(x, { ...x, w: ndarray(memory.subarray(1, 4), [3]) })).toBe(true);
  });

  test.each<[string, NdArrays]>([
    ['a value', { ...x, w: ndarray([1.0000001, NaN, -0], [3]) }],
    ['the sign of a zero', { ...x, w: ndarray([1, NaN, 0], [3]) }],
    ['a shape', { ...x, w: ndarray([1, NaN, -0], [3, 1]) }],
    ['a dtype', { ...x, b: ndarray(new Float32Array(Int32Array.of(4).buffer), [1]) }],
    ['a name', { w: x.w, c: x.b }],
    ['a missing name', { w: x.w }],
    ['a name more', { ...x, c: x.b }],
  ])('sees %s that differs', (_, other) => {
    expect(sameBits(x, other)).toBe(false);
  });

  test('isn’t fooled by members that every object has', () => {
    expect(sameBits({ constructor: x.b } as NdArrays, { w: x.b })).toBe(false);
  });
});

describe('findNonFinite', () => {
  test('finds the first NaN or infinity', () => {
    expect(findNonFinite({ a, w: ndarray([1, 2, -Infinity, NaN], [2, 2]) })).toEqual({
      name: 'w',
      index: 2,
      value: -Infinity,
    });
    expect(findNonFinite({ w: ndarray([NaN], [1]) })).toEqual({ name: 'w', index: 0, value: NaN });
  });

  test('finds none among finite values', () => {
    expect(findNonFinite({ a, big: ndarray([3.4e38, -1e-45], [2]) })).toBeUndefined();
  });
});
