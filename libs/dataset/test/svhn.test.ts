import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

import { DatasetError, greyOf, imageSetReader, loadSvhn, readMat, readSvhn } from '@weightspace/dataset';
import { describe, expect, test } from 'vitest';

const fixture = (name: string): [Uint8Array, string] => {
  const file = join(import.meta.dirname, 'fixtures', name);
  return [readFileSync(file), name];
};
/** What make-mat-fixtures.py writes. */
const pixel = (i: number, row: number, column: number, channel: number) =>
  (7 * row + 3 * column + 50 * channel + 11 * i) % 256;

describe('readSvhn', () => {
  test.each([
    ['digits.mat', [1, 9, 0, 0, 5]],
    ['digits-plain.mat', [1, 9]],
    ['one-digit.mat', [1]],
  ])('reads %s: channels last, ten as zero', (name, labels) => {
    const set = readSvhn(...fixture(name));
    expect(set.images.shape).toEqual([labels.length, 32, 32, 3]);
    expect([...set.labels]).toEqual(labels);
    let wrong = 0;
    set.images.data.forEach((value, at) => {
      const [c, column, row, i] = [at % 3, Math.floor(at / 3) % 32, Math.floor(at / 96) % 32, Math.floor(at / 3072)];
      if (value !== pixel(i, row, column, c)) wrong++;
    });
    expect(wrong).toBe(0);
  });

  test('turns to grey by the mean of the channels', () => {
    const { shape, data } = greyOf(readSvhn(...fixture('digits.mat')));
    expect(shape).toEqual([5, 32, 32]);
    const mean = [0, 1, 2].reduce((sum, c) => sum + pixel(2, 3, 4, c), 0) / 3;
    expect(data[2 * 1024 + 3 * 32 + 4]).toBe(Math.fround(mean));
  });

  test.each([
    [
      'no-labels.mat',
      'no-labels.mat: expected an array y, found X, label; the file is damaged or another: get it anew',
    ],
    [
      'wrong-label.mat',
      'wrong-label.mat at y, row 1: expected a class from 1 to 10, found 0; take the files of cropped',
    ],
    [
      'complex.mat',
      /complex.mat at inflated byte 0: expected X to be an array of real numbers of at most 32 bits, or doubles, found class 6, complex/,
    ],
    [
      'text.mat',
      /text.mat at inflated byte 0: expected X to be an array of real numbers of at most 32 bits, or doubles, found class 4/,
    ],
  ])('refuses %s', (name, text) => {
    expect(() => readSvhn(...fixture(name))).toThrow(DatasetError);
    expect(() => readSvhn(...fixture(name))).toThrow(text);
  });

  test('refuses other arrays of that name', () => {
    const file = fixture('types.mat')[0];
    expect(() => readMat(file, 'f', ['a', 'd'])).toThrow(
      'expected d to be an array of real numbers of at most 32 bits, or doubles, found class 14',
    );
  });
});

describe('readMat', () => {
  test('reads numbers of several kinds, first axis fastest, and passes others over', () => {
    const { a, b, c } = readMat(...fixture('types.mat'), ['a', 'b', 'c']);
    expect(a).toEqual({ kind: 'int32', shape: [2, 3], data: Int32Array.of(-3, 0, -2, 1, -1, 2) });
    expect(b).toEqual({ kind: 'single', shape: [1, 2], data: Float32Array.of(1.5, -2.25) });
    expect(c).toEqual({ kind: 'double', shape: [2, 1], data: Float64Array.of(1e300, 2) });
  });

  test('refuses other files, and files that were cut, at every byte', () => {
    const [bytes] = fixture('digits.mat');
    const changed = (at: number, ...values: number[]) => {
      const copy = Uint8Array.from(bytes);
      copy.set(values, at);
      return copy;
    };
    expect(() => readMat(bytes.subarray(0, 100), 'f', ['X'])).toThrow('f at byte 0: expected a header of 128 bytes');
    expect(() => readMat(changed(126, 0x4d, 0x49), 'f', ['X'])).toThrow(
      'expected little-endian numbers, found big-endian',
    );
    expect(() => readMat(changed(124, 0, 2), 'f', ['X'])).toThrow('found version 7.3, which is HDF5: save it with -v7');
    expect(() => readMat(changed(124, 9, 9), 'f', ['X'])).toThrow("f at byte 124: expected MATLAB's level 5");
    expect(() => readMat(changed(140, 1, 2, 3), 'f', ['X'])).toThrow(
      /f at byte 136: expected deflated data of at most/,
    );
    for (let length = 128; length < bytes.length - 1; length += 97)
      expect(() => readMat(bytes.subarray(0, length), 'f', ['X', 'y'])).toThrow(DatasetError);
  });

  test('refuses an element that claims more than it has, and one that would fill the memory', () => {
    const header = fixture('digits.mat')[0].subarray(0, 128);
    const file = (type: number, content: Uint8Array, length = content.length) => {
      const tag = new DataView(new ArrayBuffer(8));
      tag.setUint32(0, type, true);
      tag.setUint32(4, length, true);
      return Buffer.concat([header, new Uint8Array(tag.buffer), content]);
    };
    expect(() => readMat(file(14, Buffer.alloc(8), 4000), 'f', ['X'])).toThrow(
      'f at byte 128: expected an element of 4000 bytes, found 8 before the end',
    );
    const bomb = deflateSync(Buffer.alloc(2 ** 29 + 1), { level: 1 });
    expect(() => readMat(file(15, bomb), 'f', ['X'])).toThrow(/expected deflated data of at most 536870912 bytes/);
  });
});

describe('loadSvhn', () => {
  test('says how to get the files', () => {
    expect(() => loadSvhn('train', '/nowhere')).toThrow(
      /nowhere\/train_32x32.mat: expected a file that can be read, found ENOENT.*run npx nx run dataset:svhn, which needs the internet/,
    );
    expect(imageSetReader('svhn')).toMatchObject({ sizes: { train: 73_257, test: 26_032 }, shape: [32, 32, 3] });
  });
});
