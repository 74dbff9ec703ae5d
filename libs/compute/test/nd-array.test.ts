import {
  fromTensor,
  mapValues,
  ndarray,
  rows,
  scalar,
  sizeOf,
  takeRows,
  tf,
  toTensor,
  withoutPrefix,
  withPrefix,
  zeros,
} from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => tf.setBackend('cpu'));

describe('ndarray', () => {
  test('takes its dtype from the kind of data', () => {
    expect(ndarray([1, 2], [2])).toEqual({ dtype: 'float32', shape: [2], data: new Float32Array([1, 2]) });
    expect(ndarray(Int32Array.of(3), [1, 1]).dtype).toBe('int32');
    expect(ndarray(Uint8Array.of(0, 1), [2]).dtype).toBe('bool');
  });

  test('shares the memory of typed data', () => {
    const data = new Float32Array(4);
    const array = ndarray(data, [2, 2]);
    data[3] = 5;
    expect(array.data[3]).toBe(5);
  });

  test.each<[number[], number[], string]>([
    [[1, 2, 3], [2, 2], 'ndarray: shape [2, 2] needs 4 values, got 3'],
    [[], [], 'ndarray: shape [] needs 1 values, got 0'],
    [[1, 2, 3, 4, 5, 6], [-2, -3], 'ndarray: shape must hold whole numbers ≥ 0, got [-2, -3]'],
    [[1, 2, 3], [1.5, 2], 'ndarray: shape must hold whole numbers ≥ 0, got [1.5, 2]'],
  ])('refuses %j with shape %j', (data, shape, message) => {
    expect(() => ndarray(data, shape)).toThrow(new RangeError(message));
  });

  test('has scalars, zeros and empty arrays', () => {
    expect(scalar(0.1)).toEqual({ dtype: 'float32', shape: [], data: Float32Array.of(0.1) });
    expect(zeros([2, 0, 3]).data).toHaveLength(0);
    expect(zeros([2, 3]).data).toEqual(new Float32Array(6));
    expect([sizeOf([]), sizeOf([4, 0]), sizeOf([2, 3, 5])]).toEqual([1, 0, 30]);
  });
});

describe('rows', () => {
  const array = ndarray(
    Int32Array.from({ length: 24 }, (_, i) => i),
    [4, 3, 2],
  );

  test('are a view on the same memory', () => {
    const part = rows(array, 1, 3);
    expect(part).toEqual({ dtype: 'int32', shape: [2, 3, 2], data: Int32Array.from({ length: 12 }, (_, i) => i + 6) });
    expect(part.data.buffer).toBe(array.data.buffer);
  });

  test('may be none, of an array that has none or has empty rows', () => {
    expect(rows(array, 4, 4).shape).toEqual([0, 3, 2]);
    expect(rows(zeros([0, 3]), 0, 0).shape).toEqual([0, 3]);
    expect(rows(zeros([5, 0, 2]), 1, 4).shape).toEqual([3, 0, 2]);
  });

  test.each([
    [-1, 2],
    [2, 1],
    [0, 5],
    [0.5, 2],
  ])('must lie within the array: not %s to %s', (from, to) => {
    const message = `rows: from and to must be within 0 and 4, from ≤ to, got ${from} and ${to}`;
    expect(() => rows(array, from, to)).toThrow(new RangeError(message));
  });

  test('need an axis', () => {
    expect(() => rows(scalar(1), 0, 0)).toThrow(
      new RangeError('rows: array must have at least one axis, got shape []'),
    );
  });
});

describe('takeRows', () => {
  const array = ndarray([0, 1, 10, 11, 20, 21], [3, 2]);

  test('copies rows in the order asked for, also twice', () => {
    expect(takeRows(array, [2, 0, 2])).toEqual(ndarray([20, 21, 0, 1, 20, 21], [3, 2]));
    expect(takeRows(array, Int32Array.of(1)).data.buffer).not.toBe(array.data.buffer);
    expect(takeRows(array, [])).toEqual(ndarray([], [0, 2]));
  });

  test('keeps the dtype', () => {
    expect(takeRows(ndarray(Uint8Array.of(0, 1, 1), [3]), [1])).toEqual(ndarray(Uint8Array.of(1), [1]));
    expect(takeRows(ndarray(Int32Array.of(7, 8), [2, 1]), [1])).toEqual(ndarray(Int32Array.of(8), [1, 1]));
  });

  test.each([3, -1, 0.5, NaN])('refuses row %s, which is none', (row) => {
    const act = () => takeRows(array, [0, row]);
    expect(act).toThrow(new RangeError(`takeRows: indices must be whole numbers from 0 to 2, got ${row} at 1`));
  });
});

describe('toTensor and fromTensor', () => {
  test.each<[string, NdArray]>([
    ['float32', ndarray([0.1, -2, Infinity, 4, 5, 6], [3, 2])],
    ['int32', ndarray(Int32Array.of(2 ** 31 - 1, -(2 ** 31)), [1, 2])],
    ['bool', ndarray(Uint8Array.of(1, 0, 1), [3])],
    ['a scalar', scalar(-0)],
    ['nothing', zeros([2, 0])],
  ])('bring back %s', (_, array) => {
    const tensor = toTensor(array);
    expect(tensor.dtype).toBe(array.dtype);
    expect(fromTensor(tensor)).toEqual(array);
    tensor.dispose();
  });

  test.each<[string, () => tf.Tensor, NdArray]>([
    ['a cast to int32', () => tf.cast(tf.tensor1d([1.5, -2.5]), 'int32'), ndarray(Int32Array.of(1, -2), [2])],
    ['a comparison', () => tf.greater(tf.tensor1d([1, 5]), 3), ndarray(Uint8Array.of(0, 1), [2])],
    ['a cast to bool', () => tf.cast(tf.tensor1d([0, 5]), 'bool'), ndarray(Uint8Array.of(0, 1), [2])],
    ['ones of bool', () => tf.ones([2], 'bool'), ndarray(Uint8Array.of(1, 1), [2])],
    ['an argMax', () => tf.argMax(tf.tensor2d([[1, 5, 2]]), 1), ndarray(Int32Array.of(1), [1])],
    ['an integer sum', () => tf.sum(tf.tensor1d([2, 3], 'int32')), ndarray(Int32Array.of(5), [])],
  ])('give %s the right kind of array', (_, make, expected) => {
    expect(fromTensor(make())).toEqual(expected);
  });

  test('copy out of tfjs', () => {
    const tensor = tf.tensor1d([1, 2]);
    fromTensor(tensor).data[0] = 9;
    expect(Array.from(tensor.dataSync())).toEqual([1, 2]);
  });

  test('refuse strings and complex numbers', () => {
    const message = (dtype: string) => new TypeError(`fromTensor: tensor must be float32, int32 or bool, got ${dtype}`);
    expect(() => fromTensor(tf.tensor1d(['a']))).toThrow(message('string'));
    expect(() => fromTensor(tf.complex([1], [2]))).toThrow(message('complex64'));
  });
});

test('mapValues keeps names, even those of an object’s members', () => {
  const record = JSON.parse('{"b": 2, "__proto__": 3, "a": 1}') as Record<string, number>;
  expect(Object.entries(mapValues(record, (value, name) => `${name}${value}`))).toEqual([
    ['b', 'b2'],
    ['__proto__', '__proto__3'],
    ['a', 'a1'],
  ]);
});

describe('withPrefix and withoutPrefix', () => {
  test('put records together and take them apart again', () => {
    const [params, fixed] = [
      { 'layer1.weight': 1, 'fixed/x': 2 },
      { x: 3, '': 4 },
    ];
    const both = { ...withPrefix('params/', params), ...withPrefix('fixed/', fixed), step: 5 };
    expect(Object.entries(both)).toEqual([
      ['params/layer1.weight', 1],
      ['params/fixed/x', 2],
      ['fixed/x', 3],
      ['fixed/', 4],
      ['step', 5],
    ]);
    expect(withoutPrefix('params/', both)).toEqual(params);
    expect(withoutPrefix('fixed/', both)).toEqual(fixed);
    expect(withoutPrefix('', both)).toEqual(both);
    expect(withoutPrefix('fixed/y', both)).toEqual({});
  });
  test('keep even the names of an object’s members', () => {
    const record = withoutPrefix('a', JSON.parse('{"a__proto__": 1, "ab": 2}') as Record<string, number>);
    expect(Object.entries(record)).toEqual([
      ['__proto__', 1],
      ['b', 2],
    ]);
  });
});
