import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  loadSafetensors,
  ndarray,
  readSafetensors,
  readSafetensorsHeader,
  SafetensorsError,
  saveSafetensors,
  scalar,
  zeros,
} from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { errorOf, file, folder, write } from './safetensors-file.ts';

const arrays: NdArrays = {
  'layer1.weight': ndarray([0.1, -0, NaN, Infinity, 1e-45, -3.4e38], [3, 2]),
  'layer1.bias': ndarray([1.5, 2.5, 3.5], [3]),
  step: scalar(7),
  labels: ndarray(Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [2, 1]),
  mask: ndarray(Uint8Array.of(1, 0, 1), [3]),
  none: zeros([0, 4]),
};

describe('saveSafetensors and readSafetensors', () => {
  test('bring back every bit, with metadata', () => {
    const metadata = { architecture: '{"kind":"mlp"}', note: 'ünïcode "quoted"\n' };
    saveSafetensors(file, arrays, metadata);
    const read = readSafetensors(file);
    expect(read.arrays).toEqual(arrays);
    expect(Object.is(read.arrays['layer1.weight']!.data[1], -0)).toBe(true);
    expect(read.metadata).toEqual(metadata);
    expect(loadSafetensors(file)).toEqual(read.arrays);
  });

  test('write what a view shows, and nothing of the rest of its memory', () => {
    saveSafetensors(file, { part: ndarray(Float32Array.of(1, 2, 3, 4, 5).subarray(1, 4), [3]) });
    expect(loadSafetensors(file)['part']).toEqual(ndarray([2, 3, 4], [3]));
  });

  test('give arrays that own their memory, so that they can go to a worker', () => {
    saveSafetensors(file, arrays);
    for (const { data } of Object.values(loadSafetensors(file))) expect(data.buffer.byteLength).toBe(data.byteLength);
  });

  test('read 8-bit floats as their definitions say', () => {
    const stored = (dtype: string, at: number) => ({ dtype, shape: [4], data_offsets: [at, at + 4] });
    const bits = [0x01, 0x38, 0x7e, 0xb8];
    write({ a: stored('F8_E4M3', 0), b: stored('F8_E5M2', 4) }, Uint8Array.of(...bits, ...bits));
    expect(loadSafetensors(file)).toEqual({
      a: ndarray([2 ** -9, 1, 448, -1], [4]),
      b: ndarray([2 ** -16, 0.5, NaN, -0.5], [4]),
    });
  });

  test('read what the format’s own library writes', () => {
    const read = readSafetensors(new URL('./fixtures/python.safetensors', import.meta.url).pathname);
    const values = (x: number, big: number) => ndarray([1.5, -2.25, x, big, 2 ** -24, Infinity], [2, 3]);
    expect(read.metadata).toEqual({ made: 'by Python', other: 'ü' });
    expect(read.arrays).toEqual({
      f64: values(0.1, 65504),
      f32: values(0.1, 65504),
      f16: values(0.0999755859375, 65504),
      bf16: values(0.10009765625, 65536),
      i64: ndarray(Int32Array.of(-5, 2 ** 31 - 1), [2, 1]),
      i32: ndarray(Int32Array.of(7, -(2 ** 31)), [2]),
      i16: ndarray(Int32Array.of(-300), [1]),
      i8: ndarray(Int32Array.of(-7, 7, 8), [3]),
      u8: ndarray(Int32Array.of(255, 1), [2]),
      bool: ndarray(Uint8Array.of(1, 0, 1), [3]),
      scalar: scalar(3.5),
      empty: zeros([0, 4]),
    });
  });

  test('take no arrays, and names of every object’s members', () => {
    saveSafetensors(file, {});
    expect(readSafetensors(file)).toEqual({ arrays: {}, metadata: {}, entries: [] });
    const odd = Object.fromEntries([['__proto__', scalar(3)]]) as NdArrays;
    saveSafetensors(file, odd);
    expect(Object.entries(loadSafetensors(file))).toEqual([['__proto__', scalar(3)]]);
  });

  test('write equal bytes for equal arrays, in whatever order they come', () => {
    saveSafetensors(file, arrays, { b: '2', a: '1' });
    const bytes = readFileSync(file);
    saveSafetensors(file, Object.fromEntries(Object.entries(arrays).reverse()), { a: '1', b: '2' });
    expect(readFileSync(file)).toEqual(bytes);
  });

  test('lay out data as the format asks: aligned, without gaps, wide elements first', () => {
    saveSafetensors(file, arrays);
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, unknown>;
    expect(header).toEqual({
      labels: { dtype: 'I32', shape: [2, 1], data_offsets: [0, 8] },
      'layer1.bias': { dtype: 'F32', shape: [3], data_offsets: [8, 20] },
      'layer1.weight': { dtype: 'F32', shape: [3, 2], data_offsets: [20, 44] },
      none: { dtype: 'F32', shape: [0, 4], data_offsets: [44, 44] },
      step: { dtype: 'F32', shape: [], data_offsets: [44, 48] },
      mask: { dtype: 'BOOL', shape: [3], data_offsets: [48, 51] },
    });
    expect(bytes.length).toBe(8 + length + 51);
  });

  test('read only the header where that is all that is asked for', () => {
    saveSafetensors(file, { mask: arrays['mask']!, step: arrays['step']! }, { made: 'here' });
    const { entries, metadata, dataOffset } = readSafetensorsHeader(file);
    expect(metadata).toEqual({ made: 'here' });
    expect(statSync(file).size - dataOffset).toBe(7);
    expect(entries).toEqual([
      { name: 'step', stored: 'F32', shape: [], begin: 0, end: 4 },
      { name: 'mask', stored: 'BOOL', shape: [3], begin: 4, end: 7 },
    ]);
  });
});

describe('readSafetensors converts', () => {
  const little = (bytes: number, put: (view: DataView) => void): Uint8Array => {
    const view = new DataView(new ArrayBuffer(bytes));
    put(view);
    return new Uint8Array(view.buffer);
  };
  const one = (dtype: string, shape: readonly number[], data: Uint8Array): NdArray => {
    write({ x: { dtype, shape, data_offsets: [0, data.length] } }, data);
    return loadSafetensors(file)['x']!;
  };
  const words = (...values: number[]) =>
    little(values.length * 2, (v) => values.forEach((value, i) => v.setUint16(2 * i, value, true)));

  test('F64 by rounding', () => {
    const data = little(32, (v) => [0.1, -2.5, Infinity, NaN].forEach((x, i) => v.setFloat64(8 * i, x, true)));
    expect(one('F64', [2, 2], data)).toEqual(ndarray([0.1, -2.5, Infinity, NaN], [2, 2]));
  });

  test('F16, with subnormal and infinite numbers', () => {
    const data = words(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x3555);
    const expected = [1, -2, 65504, 2 ** -14, 2 ** -24, -0, Infinity, -Infinity, NaN, 0.333251953125];
    expect(one('F16', [10], data)).toEqual(ndarray(expected, [10]));
  });

  test('BF16', () => {
    expect(one('BF16', [6], words(0x3f80, 0xc040, 0x4049, 0xff80, 0x7fc0, 0x0001))).toEqual(
      ndarray([1, -3, 3.140625, -Infinity, NaN, 2 ** -133], [6]),
    );
  });

  test.each<[string, number, (view: DataView) => void, number[]]>([
    ['I64', 16, (v) => [-5n, 2147483647n].forEach((x, i) => v.setBigInt64(8 * i, x, true)), [-5, 2147483647]],
    ['U64', 16, (v) => [0n, 9n].forEach((x, i) => v.setBigUint64(8 * i, x, true)), [0, 9]],
    ['U32', 8, (v) => [0, 2147483647].forEach((x, i) => v.setUint32(4 * i, x, true)), [0, 2147483647]],
    ['I16', 4, (v) => [-32768, 258].forEach((x, i) => v.setInt16(2 * i, x, true)), [-32768, 258]],
    ['U16', 4, (v) => [65535, 258].forEach((x, i) => v.setUint16(2 * i, x, true)), [65535, 258]],
    ['I8', 2, (v) => [-128, 3].forEach((x, i) => v.setInt8(i, x)), [-128, 3]],
    ['U8', 2, (v) => [255, 3].forEach((x, i) => v.setUint8(i, x)), [255, 3]],
  ])('%s to int32', (dtype, bytes, put, expected) => {
    expect(one(dtype, [2], little(bytes, put))).toEqual(ndarray(Int32Array.from(expected), [2]));
  });

  test('and tells what was stored', () => {
    one('BF16', [1], words(0));
    expect(readSafetensors(file).entries).toEqual([{ name: 'x', stored: 'BF16', shape: [1], begin: 0, end: 2 }]);
  });

  test.each<[string, number, (view: DataView) => void, string]>([
    [
      'I64',
      24,
      (v) => v.setBigInt64(8, 2147483648n, true),
      "byte 71: expected numbers within int32 in I64 tensor 'x', found 2147483648",
    ],
    [
      'U64',
      24,
      (v) => v.setBigUint64(16, 2n ** 63n, true),
      "byte 79: expected numbers within int32 in U64 tensor 'x', found 9223372036854776000",
    ],
    [
      'U32',
      12,
      (v) => v.setUint32(0, 2 ** 31, true),
      "byte 63: expected numbers within int32 in U32 tensor 'x', found 2147483648",
    ],
    [
      'F64',
      24,
      (v) => v.setFloat64(8, 1e39, true),
      "byte 71: expected numbers within float32 in F64 tensor 'x', found 1e+39",
    ],
    ['BOOL', 3, (v) => v.setUint8(2, 2), "byte 65: expected 0 or 1 in BOOL tensor 'x', found 2"],
  ])('no %s that does not fit', (dtype, bytes, put, message) => {
    const act = () => one(dtype, [3], little(bytes, put));
    expect(act).toThrow(SafetensorsError);
    expect(act).toThrow(`${message}; store it as F32, I32 or BOOL with values that fit`);
  });
});

describe('saveSafetensors', () => {
  const old = { x: scalar(1) };

  test('leaves no temporary file behind', () => {
    saveSafetensors(file, arrays);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  test('overwrites what a killed process left', () => {
    writeFileSync(`${file}.tmp`, 'x'.repeat(10_000));
    saveSafetensors(file, old);
    expect(loadSafetensors(file)).toEqual(old);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  test.skipIf(!existsSync('/dev/full'))('keeps the old file when the disk is full', () => {
    saveSafetensors(file, old);
    symlinkSync('/dev/full', `${file}.tmp`);
    const error = errorOf(() => saveSafetensors(file, arrays));
    expect(error.message).toMatch(
      /: expected to write the file, found ENOSPC: .*; free space on the disk or choose another folder; a file of this name is as it was before$/,
    );
    expect(error.cause).toMatchObject({ code: 'ENOSPC' });
    expect(loadSafetensors(file)).toEqual(old);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  test('says when there is no such folder', () => {
    const error = errorOf(() => saveSafetensors(join(folder, 'none', 'x.safetensors'), old));
    expect(error.message).toMatch(/x\.safetensors: expected to write the file, found ENOENT: /);
  });

  test('refuses arrays that it could not read back, and writes nothing', () => {
    const broken: NdArray = { dtype: 'float32', shape: [2, 3], data: new Float32Array(5) };
    expect(() => saveSafetensors(file, { broken })).toThrow(
      new RangeError("saveSafetensors: 'broken' with shape [2, 3] must have 6 values, got 5"),
    );
    expect(() => saveSafetensors(file, { __metadata__: scalar(1) })).toThrow(
      new RangeError("saveSafetensors: no array may be named '__metadata__'; rename it"),
    );
    expect(existsSync(file)).toBe(false);
  });
});
