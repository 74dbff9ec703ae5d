import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  loadSafetensors,
  ndarray,
  readSafetensorsHeader,
  SafetensorsError,
  saveSafetensors,
  scalar,
} from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { errorOf, file, folder, write } from './safetensors-file.ts';

describe('readSafetensors says what is wrong', () => {
  const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });

  test('with a missing file', () => {
    const error = errorOf(() => loadSafetensors(join(folder, 'absent')));
    expect(error.message).toMatch(
      /absent: expected a readable file, found ENOENT: .*; check the path and its permissions$/,
    );
    expect(error).toMatchObject({ file: join(folder, 'absent'), offset: undefined, expected: 'a readable file' });
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
  });

  test('with its parts as fields', () => {
    write({ x: f32(0, 8) }, 5);
    const error = errorOf(() => loadSafetensors(file));
    expect(error).toMatchObject({
      name: 'SafetensorsError',
      file,
      expected: '8 bytes of data, as the header says',
      found: '5 bytes',
    });
    expect(error.offset).toBe(statSync(file).size);
    expect(error.message).toBe(
      `${file}, byte ${error.offset}: expected 8 bytes of data, as the header says, found 5 bytes; ` +
        'the file is damaged or no safetensors file: get it anew',
    );
  });

  const cases: [string, () => void, string][] = [
    [
      'an empty file',
      () => writeFileSync(file, ''),
      'byte 0: expected a header length of 8 bytes, found a file of 0 bytes',
    ],
    [
      'a file of 5 bytes',
      () => writeFileSync(file, 'abcde'),
      'byte 0: expected a header length of 8 bytes, found a file of 5 bytes',
    ],
    [
      'a header that ends after the file',
      () => writeFileSync(file, Buffer.from([50, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d])),
      'byte 0: expected a header of 50 bytes, found 2 bytes after its length',
    ],
    [
      'a header that needs all memory',
      () => writeFileSync(file, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0x7d])),
      'byte 0: expected a header of at most 100000000 bytes, found 9223372036854775808 bytes',
    ],
    ['an empty header', () => write(''), "byte 8: expected a header that begins with '{', found ''"],
    ['a list', () => write('[1]'), "byte 8: expected a header that begins with '{', found '['"],
    [
      'a list of empty lists',
      () => write(`{"a":[${'[],'.repeat(5000)}[]]}`),
      'byte 8: expected a header that lists tensors, found 5003 brackets in 15010 bytes',
    ],
    [
      'millions of keys',
      () => write(`{${'"":0,'.repeat(2_000_001)}"":0}`),
      'byte 8: expected a header of at most 500000 tensors, found 2000002 keys',
    ],
    ['text that is no JSON', () => write('{"x": '), 'byte 8: expected a header in JSON, found text that is not ('],
    [
      'text that is no UTF-8',
      () => writeFileSync(file, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff])),
      'byte 8: expected a header in UTF-8',
    ],
    [
      'a name twice',
      () => write(`{"ü": ${JSON.stringify(f32(0, 4))}, "\\u00fc": ${JSON.stringify(f32(4, 8))}}`, 8),
      "byte 65: expected every name once, found 'ü' a second time",
    ],
    [
      'a field twice',
      () => write('{"x":{"dtype":"F32","dtype":"I32","shape":[],"data_offsets":[0,4]}}', 4),
      "byte 28: expected every name once, found 'dtype' a second time",
    ],
    [
      'metadata that is no text',
      () => write({ __metadata__: { step: 3 } }),
      'byte 8: expected __metadata__ to map names to texts, found {"step":3}',
    ],
    [
      'metadata that is a list',
      () => write({ __metadata__: [] }),
      'expected __metadata__ to map names to texts, found []',
    ],
    [
      'a tensor that is a number',
      () => write({ x: 3 }),
      "expected a record of dtype, shape and data_offsets for tensor 'x', found 3",
    ],
    [
      'an unknown dtype',
      () => write({ x: { ...f32(0, 4), dtype: 'F8' } }, 4),
      "expected a dtype among F64, I64, U64, F32, I32, U32, F16, BF16, I16, U16, F8_E4M3, F8_E5M2, I8, U8, BOOL for tensor 'x', found F8",
    ],
    [
      'a dtype that every object has',
      () => write({ x: { ...f32(0, 4), dtype: 'constructor' } }, 4),
      "for tensor 'x', found constructor",
    ],
    ['no dtype', () => write({ x: { shape: [1], data_offsets: [0, 4] } }, 4), "for tensor 'x', found nothing"],
    [
      'a shape with a negative size',
      () => write({ x: f32(0, 4, [-1, -1]) }, 4),
      "expected a shape of whole numbers ≥ 0 for tensor 'x', found [-1,-1]",
    ],
    [
      'a shape that is a number',
      () => write({ x: { ...f32(0, 4), shape: 1 } }, 4),
      "expected a shape of whole numbers ≥ 0 for tensor 'x', found 1",
    ],
    [
      'a size beyond whole numbers',
      () => write({ x: f32(0, 4, [1e300]) }, 4),
      "expected a shape of whole numbers ≥ 0 for tensor 'x', found [1e+300]",
    ],
    [
      'one offset',
      () => write({ x: { ...f32(0, 4), data_offsets: [4] } }, 4),
      "expected two data_offsets ≥ 0 for tensor 'x', found [4]",
    ],
    [
      'offsets that are no whole numbers',
      () => write({ x: { ...f32(0, 4), data_offsets: [0, 4.5] } }, 4),
      "expected two data_offsets ≥ 0 for tensor 'x', found [0,4.5]",
    ],
    [
      'bytes that don’t match the shape',
      () => write({ x: f32(0, 8, [3]) }, 8),
      "expected 12 bytes (F32 [3]) for tensor 'x', found 8 bytes, 0 to 8",
    ],
    [
      'a shape whose size overflows',
      () => write({ x: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4),
      "bytes (F32 [1099511627776, 1099511627776]) for tensor 'x', found 4 bytes",
    ],
    [
      'an end before the beginning',
      () => write({ x: f32(8, 4, [1]) }, 8),
      "expected 4 bytes (F32 [1]) for tensor 'x', found -4 bytes, 8 to 4",
    ],
    [
      'a gap',
      () => write({ x: f32(0, 4), y: f32(8, 12) }, 12),
      "expected the data of 'y' to begin where the tensor before ends, at 4, found 8",
    ],
    [
      'an overlap',
      () => write({ x: f32(0, 8), y: f32(4, 12) }, 12),
      "expected the data of 'y' to begin where the tensor before ends, at 8, found 4",
    ],
    [
      'a gap at the start',
      () => write({ x: f32(4, 8) }, 8),
      "expected the data of 'x' to begin where the tensor before ends, at 0, found 4",
    ],
    [
      'data that was cut off',
      () => write({ x: f32(0, 8), y: f32(8, 12) }, 10),
      'expected 12 bytes of data, as the header says, found 10 bytes',
    ],
    [
      'data that nobody named',
      () => write({ x: f32(0, 4) }, 6),
      'expected 4 bytes of data, as the header says, found 6 bytes',
    ],
  ];
  test.each(cases)('with %s', (_, make, message) => {
    make();
    expect(() => loadSafetensors(file)).toThrow(SafetensorsError);
    expect(() => loadSafetensors(file)).toThrow(message);
    expect(() => readSafetensorsHeader(file)).toThrow(message);
  });

  test('at whatever byte a file is cut off', () => {
    saveSafetensors(file, { 'a.weight': ndarray([1, 2, 3], [3]), b: scalar(4) }, { k: 'v' });
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length));
      expect(() => loadSafetensors(file)).toThrow(SafetensorsError);
    }
  });
});
