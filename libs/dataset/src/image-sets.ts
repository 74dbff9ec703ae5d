/** @file The image sets that there are; a new one is a file and a line here. */
import { loadFashionMnist } from './fashion-mnist.ts';
import type { ImageSet, ImageSetReader } from './image-set.ts';
import { loadMnist } from './mnist.ts';

const readers: readonly ImageSetReader[] = [
  { name: 'mnist', load: (part) => loadMnist(part) },
  { name: 'fashion-mnist', load: (part) => loadFashionMnist(part) },
];

export const imageSetNames = (): string[] => readers.map(({ name }) => name);

/** @throws {RangeError} when there is no such set */
export function loadImageSet(name: string, part: 'train' | 'test'): ImageSet {
  const reader = readers.find((r) => r.name === name);
  if (!reader) throw new RangeError(`loadImageSet: name must be one of ${imageSetNames().join(', ')}, got '${name}'`);
  return reader.load(part);
}
