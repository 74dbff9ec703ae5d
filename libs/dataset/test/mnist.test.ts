import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  DatasetError,
  imageSetNames,
  imageSetReader,
  loadImageSet,
  loadMnist,
  mnistFolder,
  readIdx,
  writeIdx,
} from '@weightspace/dataset';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'mnist-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const counts = (labels: Uint8Array) =>
  [...Array(10).keys()].map((digit) => labels.filter((label) => label === digit).length);

describe('loadMnist', () => {
  test('reads the whole set', () => {
    const [train, test] = [loadMnist('train'), loadMnist('test')];
    expect(train.images.shape).toEqual([60000, 28, 28]);
    expect(test.images.shape).toEqual([10000, 28, 28]);
    expect(counts(train.labels)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(counts(test.labels)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    // The first training digit is a 5, with black corners and white within.
    expect(train.labels[0]).toBe(5);
    expect(train.images.data[0]).toBe(0);
    expect(Math.max(...train.images.data.subarray(0, 784))).toBe(255);
  });

  test('refuses a changed file, and names it with both checksums', () => {
    for (const name of ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'])
      copyFileSync(join(mnistFolder(), name), join(folder, name));
    const file = join(folder, 't10k-labels-idx1-ubyte');
    const bytes = readFileSync(file);
    bytes[5000]! ^= 1;
    writeFileSync(file, bytes);
    expect(() => loadMnist('test', folder)).toThrow(DatasetError);
    expect(() => loadMnist('test', folder)).toThrow(
      /t10k-labels-idx1-ubyte: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}; the file was changed or cut short/,
    );
  });

  test('says which file is missing', () => {
    expect(() => loadMnist('train', join(folder, 'none'))).toThrow(
      /none\/train-images-idx3-ubyte: expected a file that can be read, found ENOENT.*run npm ci/,
    );
  });
});

describe('readIdx', () => {
  const header = (...numbers: number[]) =>
    Uint8Array.from(numbers.flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]));
  test('reads shape and values', () => {
    const { shape, data } = readIdx(Uint8Array.from([...header(0x803, 1, 2, 3), 9, 8, 7, 6, 5, 4]), 'f', 3);
    expect(shape).toEqual([1, 2, 3]);
    expect([...data]).toEqual([9, 8, 7, 6, 5, 4]);
  });
  test('reads what writeIdx writes', () => {
    const array = { shape: [2, 1, 3], data: Uint8Array.of(1, 2, 3, 253, 254, 255) };
    expect([...writeIdx(array).subarray(0, 8)]).toEqual([0, 0, 8, 3, 0, 0, 0, 2]);
    expect(readIdx(writeIdx(array), 'f', 3)).toEqual(array);
  });
  test.each([
    [Uint8Array.of(0, 0, 8), 1, 'f: expected a header of 8 bytes, found 3 bytes'],
    [header(0x802, 4), 1, 'f at byte 0: expected the number 2049 (unsigned bytes, 1 axes), found 2050'],
    [Uint8Array.from([...header(0x801, 4), 1, 2]), 1, 'f at byte 8: expected 4 values for [4], found 2'],
  ])('refuses %j', (bytes, rank, text) => {
    expect(() => readIdx(bytes, 'f', rank)).toThrow(text);
  });
});

test('sets are found by name', () => {
  expect(imageSetNames()).toContain('mnist');
  expect(loadImageSet('mnist', 'test').classes).toHaveLength(10);
  expect(imageSetReader('fashion-mnist').classes[9]).toBe('ankle boot');
  expect(() => loadImageSet('minst', 'test')).toThrow(
    "imageSetReader: name must be one of mnist, fashion-mnist, cifar-10, svhn, got 'minst'",
  );
});
