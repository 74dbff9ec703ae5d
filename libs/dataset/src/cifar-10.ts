/** @file CIFAR-10, from the files of its binary version. */
import { join } from 'node:path';

import { readOrExplain } from './checked-file.ts';
import { DatasetError } from './dataset-error.ts';
import type { ImageSet, ImageSetReader } from './image-set.ts';

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const CHANNELS = 3;
/** A label, then red, green and blue, row by row. */
const RECORD = 1 + CHANNELS * PIXELS;
const RECORDS = 10_000;

export const cifar10Files = {
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: ['test_batch.bin'],
} as const;

const missing = 'run npx nx run dataset:cifar-10, which needs the internet';
const changed = `the file was cut short or is another: delete it, and ${missing}`;

/** @returns the folder of the target `dataset:cifar-10`; git ignores it */
export const cifar10Folder = (): string => join(import.meta.dirname, '..', 'downloaded', 'cifar-10');

/**
 * The images of one file of the binary version.
 *
 * @param into where the images go, channels last; the labels go to `labels`
 * @throws {DatasetError} unless the file has as many records as there is room for, with labels from 0 to 9
 */
export function readCifar10Batch(bytes: Uint8Array, file: string, into: Uint8Array, labels: Uint8Array): void {
  if (bytes.length !== labels.length * RECORD) {
    throw new DatasetError(file, {
      expected: `${labels.length} records of ${RECORD} bytes, ${labels.length * RECORD} bytes`,
      found: `${bytes.length} bytes`,
      remedy: changed,
    });
  }
  for (let i = 0; i < labels.length; i++) {
    const start = i * RECORD;
    const label = bytes[start]!;
    if (label > 9) {
      const at = `byte ${start} (record ${i})`;
      throw new DatasetError(file, { at, expected: 'a label from 0 to 9', found: `${label}`, remedy: changed });
    }
    labels[i] = label;
    for (let c = 0; c < CHANNELS; c++) {
      const plane = start + 1 + c * PIXELS;
      const image = i * CHANNELS * PIXELS + c;
      for (let p = 0; p < PIXELS; p++) into[image + p * CHANNELS] = bytes[plane + p]!;
    }
  }
}

/**
 * 50,000 training or 10,000 test pictures in colour, 32×32, in the order of the files. There are no checksums of the single
 * files: sizes are checked, labels, and that every class is there as often as any other.
 *
 * @param folder where data_batch_1.bin … data_batch_5.bin and test_batch.bin are; that of the target when absent
 * @throws {DatasetError} when a file is missing, cut short or another
 * Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". Departs: channels last.
 */
export function loadCifar10(part: 'train' | 'test', folder = cifar10Folder()): ImageSet {
  const files = cifar10Files[part];
  const data = new Uint8Array(files.length * RECORDS * CHANNELS * PIXELS);
  const labels = new Uint8Array(files.length * RECORDS);
  files.forEach((name, i) => {
    const file = join(folder, name);
    const room = data.subarray(i * RECORDS * CHANNELS * PIXELS, (i + 1) * RECORDS * CHANNELS * PIXELS);
    readCifar10Batch(readOrExplain(file, missing), file, room, labels.subarray(i * RECORDS, (i + 1) * RECORDS));
  });
  checkClasses(labels, folder);
  return {
    name: 'cifar-10',
    part,
    images: { shape: [labels.length, SIDE, SIDE, CHANNELS], data },
    labels,
    classes: cifar10.classes,
    source: 'CIFAR-10, binary version',
  };
}

function checkClasses(labels: Uint8Array, folder: string): void {
  const counts = new Int32Array(10);
  for (const label of labels) counts[label]!++;
  if (counts.every((count) => count === labels.length / 10)) return;
  throw new DatasetError(folder, {
    expected: `${labels.length / 10} pictures of each class`,
    found: counts.join(', '),
    remedy: `the files aren't those of CIFAR-10, or one is there twice: delete them, and ${missing}`,
  });
}

export const cifar10: ImageSetReader = {
  name: 'cifar-10',
  classes: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  sizes: { train: 5 * RECORDS, test: RECORDS },
  shape: [SIDE, SIDE, CHANNELS],
  load: (part) => loadCifar10(part),
};
