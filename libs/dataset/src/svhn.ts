/** @file The house numbers of SVHN as cropped digits, from MATLAB's files. */
import { join } from 'node:path';

import { readChecked } from './checked-file.ts';
import type { Remedies } from './checked-file.ts';
import { DatasetError } from './dataset-error.ts';
import type { ImageSet, ImageSetReader } from './image-set.ts';
import { readMat } from './mat5.ts';

const SIDE = 32;
const CHANNELS = 3;

export const svhnFiles = {
  train: ['train_32x32.mat', '435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8'],
  test: ['test_32x32.mat', 'cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b'],
} as const;

const remedies: Remedies = {
  missing: 'run npx nx run dataset:svhn, which needs the internet',
  changed: 'the file was changed or cut short: delete it, and run npx nx run dataset:svhn',
};

/** @returns the folder of the target `dataset:svhn`; git ignores it */
export const svhnFolder = (): string => join(import.meta.dirname, '..', 'downloaded', 'svhn');

/**
 * The digits of one file: X `[32, 32, 3, N]` of unsigned bytes, y `[N, 1]` of classes, where 10 stands for zero.
 *
 * @throws {DatasetError} when it isn't such a file
 */
export function readSvhn(bytes: Uint8Array, file: string): Pick<ImageSet, 'images' | 'labels'> {
  const arrays = readMat(bytes, file, ['X', 'y']);
  const [X, y] = [arrays.X!, arrays.y!];
  const count = X.shape[3] ?? 1;
  const refuse = (at: string, expected: string, found: string) =>
    new DatasetError(file, { at, expected, found, remedy: 'take the files of cropped digits (format 2)' });
  if (!(X.data instanceof Uint8Array) || X.shape.slice(0, 3).join() !== [SIDE, SIDE, CHANNELS].join())
    throw refuse('X', 'unsigned bytes [32, 32, 3, N]', `${X.kind} [${X.shape.join(', ')}]`);
  if (y.data.length !== count)
    throw refuse('y', `a class for each of ${count} images`, `${y.kind} [${y.shape.join(', ')}]`);
  const labels = Uint8Array.from(y.data, (value, i) => {
    if (!Number.isInteger(value) || value < 1 || value > 10)
      throw refuse(`y, row ${i}`, 'a class from 1 to 10', `${value}`);
    return value % 10;
  });
  return { images: { shape: [count, SIDE, SIDE, CHANNELS], data: channelsLast(X.data, count) }, labels };
}

/** MATLAB's first axis is the fastest: of an image, rows, then columns, then channels. */
function channelsLast(X: Uint8Array, count: number): Uint8Array {
  const data = new Uint8Array(X.length);
  const size = SIDE * SIDE * CHANNELS;
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < CHANNELS; c++) {
      for (let column = 0; column < SIDE; column++) {
        const from = i * size + (c * SIDE + column) * SIDE;
        for (let row = 0; row < SIDE; row++) data[i * size + (row * SIDE + column) * CHANNELS + c] = X[from + row]!;
      }
    }
  }
  return data;
}

/**
 * 73,257 training or 26,032 test digits in colour, 32×32, in the original order, checked against their checksums.
 *
 * @param folder where train_32x32.mat and test_32x32.mat are; that of the target `dataset:svhn` when absent
 * @throws {DatasetError} when a file is missing, changed or cut short
 * Source: Netzer et al. 2011, "Reading Digits in Natural Images with Unsupervised Feature Learning", format 2.
 * Departs: channels last; zero is class 0. Without the extra training images.
 */
export function loadSvhn(part: 'train' | 'test', folder = svhnFolder()): ImageSet {
  const [name, sha256] = svhnFiles[part];
  const file = join(folder, name);
  const { images, labels } = readSvhn(readChecked(file, sha256, remedies), file);
  return { name: 'svhn', part, images, labels, classes: svhn.classes, source: 'SVHN, cropped digits' };
}

export const svhn: ImageSetReader = {
  name: 'svhn',
  classes: [...'0123456789'],
  sizes: { train: 73_257, test: 26_032 },
  shape: [SIDE, SIDE, CHANNELS],
  load: (part) => loadSvhn(part),
};
