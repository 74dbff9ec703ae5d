/** @file The work of one shard: SIRENs fitted to some images. Runs in a worker; needs nothing but its input. */
import { initialize } from '@weightspace/architecture';
import { mapValues, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { imageSetReader } from '@weightspace/dataset';
import type { ImageSet } from '@weightspace/dataset';
import { fitSirens } from '@weightspace/zoo';
import type { SirenRecipe, ZooRows } from '@weightspace/zoo';

import { architectureOf, zooName } from './image-zoo.ts';
import type { ImageZoo } from './image-zoo.ts';

/** One image of the zoo. */
export interface Member {
  /** The part of the set and the number in it. */
  readonly part: 'train' | 'test';
  readonly image: number;
  /** 0 train, 1 validation, 2 test. */
  readonly split: number;
}

export interface FitInput {
  readonly zoo: ImageZoo;
  readonly recipe: SirenRecipe;
  readonly seed: number;
  readonly members: readonly Member[];
}

/** How a worker finds `fitImages`. */
export const fitTask = { module: import.meta.url, name: 'fitImages' } as const;

/** An image's start depends on the seed and its number alone, so shards may be cut in any way. */
export async function fitImages({ zoo, recipe, seed, members }: FitInput): Promise<ZooRows> {
  const { load, sizes } = imageSetReader(zoo.set);
  // Test images are numbered after training images, so that every image has one number.
  const numberOf = ({ part, image }: Member): number => image + (part === 'test' ? sizes.train : 0);
  const architecture = architectureOf(recipe);
  const stream = RandomStream.fromSeed(seed).split(zooName(zoo)).split(recipe.name);
  const starts = members.map((member) => {
    const first = recipe.start === 'shared' ? 0 : numberOf(member);
    return initialize(architecture, stream, { count: 1, first, init: recipe.initialization });
  });
  const start = mapValues(starts[0]!, (_, name) => joinRows(starts.map((one) => one[name]!)));
  const sets = new Map<string, ImageSet>();
  const setOf = (part: 'train' | 'test') => sets.get(part) ?? sets.set(part, load(part)).get(part)!;
  const { parameters, loss, psnr } = await fitSirens(images(members, setOf), start, recipe, { threads: 1 });
  const whole = (f: (member: Member) => number): NdArray => ndarray(Int32Array.from(members, f), [members.length]);
  return {
    parameters,
    target: { label: whole((m) => setOf(m.part).labels[m.image]!), image: whole(numberOf) },
    fit: { loss, psnr },
    split: Uint8Array.from(members, (m) => m.split),
  };
}

/** Arrays one after another along the first axis. */
function joinRows(parts: readonly NdArray[]): NdArray {
  const [first] = parts;
  const data = new Float32Array(parts.length * first!.data.length);
  parts.forEach((part, i) => data.set(part.data, i * part.data.length));
  return ndarray(data, [parts.length, ...first!.shape.slice(1)]);
}

/** Grey values in [0, 1]; shape `[N, rows, columns]`. */
function images(members: readonly Member[], setOf: (part: 'train' | 'test') => ImageSet): NdArray {
  const [, rows, columns] = setOf(members[0]!.part).images.shape;
  const size = rows * columns;
  const data = new Float32Array(members.length * size);
  members.forEach(({ part, image }, i) => {
    const { data: bytes } = setOf(part).images;
    for (let p = 0; p < size; p++) data[i * size + p] = bytes[image * size + p]! / 255;
  });
  return ndarray(data, [members.length, rows, columns]);
}
