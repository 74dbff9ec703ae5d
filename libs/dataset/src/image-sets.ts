/** @file The image sets that there are; a new one is a file and a line here. */
import { cifar10 } from './cifar-10.ts';
import { fashionMnist } from './fashion-mnist.ts';
import type { ImageSet, ImageSetReader } from './image-set.ts';
import { mnist } from './mnist.ts';
import { svhn } from './svhn.ts';

const readers: readonly ImageSetReader[] = [mnist, fashionMnist, cifar10, svhn];

export const imageSetNames = (): string[] => readers.map(({ name }) => name);

/** @throws {RangeError} when there is no such set */
export function imageSetReader(name: string): ImageSetReader {
  const reader = readers.find((r) => r.name === name);
  if (!reader) throw new RangeError(`imageSetReader: name must be one of ${imageSetNames().join(', ')}, got '${name}'`);
  return reader;
}

/** @throws {RangeError} when there is no such set */
export const loadImageSet = (name: string, part: 'train' | 'test'): ImageSet => imageSetReader(name).load(part);
