import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { convertFashionMnist, DatasetError, loadFashionMnist } from '@weightspace/dataset';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'fashion-mnist-'));
const folder = join(root, 'converted');
const files = [
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
];
beforeAll(() => void convertFashionMnist(folder), 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('convertFashionMnist', () => {
  test('leaves four files and nothing else, and does nothing a second time', () => {
    expect(readdirSync(folder).sort()).toEqual(files);
    const before = files.map((name) => statSync(join(folder, name)).mtimeMs);
    expect(convertFashionMnist(folder)).toEqual([]);
    expect(files.map((name) => statSync(join(folder, name)).mtimeMs)).toEqual(before);
  });

  test('makes a changed or missing file again', () => {
    const labels = join(folder, 't10k-labels-idx1-ubyte');
    const good = readFileSync(labels);
    writeFileSync(labels, good.subarray(0, 5000));
    rmSync(join(folder, 'train-labels-idx1-ubyte'));
    expect(convertFashionMnist(folder)).toEqual(['train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte']);
    expect(readFileSync(labels).equals(good)).toBe(true);
  });

  test('refuses a package that is missing or changed', () => {
    const empty = join(root, 'empty');
    expect(() => convertFashionMnist(empty, join(root, 'none'))).toThrow(
      /none\/0.json: expected a file that can be read, found ENOENT.*run npm ci/,
    );
    writeFileSync(join(root, '0.json'), '{"data":[]}');
    expect(() => convertFashionMnist(empty, root)).toThrow(DatasetError);
    expect(() => convertFashionMnist(empty, root)).toThrow(
      /0.json: expected SHA-256 059b.*; the file was changed or cut short: install the package anew/,
    );
  });
});

describe('loadFashionMnist', () => {
  test('reads the whole set, a tenth of each class in turn', () => {
    for (const [part, count] of [
      ['train', 60_000],
      ['test', 10_000],
    ] as const) {
      const { images, labels, classes } = loadFashionMnist(part, folder);
      expect(images.shape).toEqual([count, 28, 28]);
      expect(images.data).toHaveLength(count * 784);
      expect(labels).toHaveLength(count);
      expect(labels.every((label, i) => label === i % 10)).toBe(true);
      expect(classes).toHaveLength(10);
    }
  });

  test('has the published pictures: the first of the original training set is an ankle boot, here among the test pictures', () => {
    const { images, labels } = loadFashionMnist('test', folder);
    const rowOf = (picture: number, row: number) => [
      ...images.data.subarray(picture * 784 + row * 28, picture * 784 + (row + 1) * 28),
    ];
    const boot = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 36, 136, 127, 62, 54, 0, 0, 0, 1, 3, 4, 0, 0, 3];
    expect(rowOf(8999, 4)).toEqual(boot);
    expect(labels[8999]).toBe(9);
  });

  test('has ten pictures in both parts, as the package has', () => {
    const keys = (part: 'train' | 'test') => {
      const { images } = loadFashionMnist(part, folder);
      return Array.from({ length: images.shape[0] }, (_, i) =>
        Buffer.from(images.data.buffer, images.data.byteOffset + i * 784, 784).toString('latin1'),
      );
    };
    const train = new Set(keys('train'));
    expect(keys('test').filter((key) => train.has(key))).toHaveLength(10);
  });

  test('says how to make the files', () => {
    expect(() => loadFashionMnist('train', join(root, 'none'))).toThrow(
      /train-images-idx3-ubyte: expected a file that can be read, found ENOENT.*run npx nx run dataset:fashion-mnist/,
    );
  });
});
