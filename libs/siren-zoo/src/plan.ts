/** @file Which images a zoo has, and how they are cut into shards. */
import { imageSetReader } from '@weightspace/dataset';
import type { Chunk, SirenRecipe, ZooHeader } from '@weightspace/zoo';

import type { FitInput, Member } from './fit-images.ts';
import { architectureOf, projectName } from './image-zoo.ts';
import type { ImageZoo } from './image-zoo.ts';

export interface ZooPlan {
  readonly zoo: ImageZoo;
  /** Images from the set's training part. */
  readonly train: number;
  readonly validation: number;
  /** Images from the set's test part. */
  readonly test: number;
  readonly seed: number;
  readonly recipe: SirenRecipe;
}

/** Images per shard: half a minute of one core. */
export const SHARD_ROWS = 128;
/** Of what decides a zoo's bytes; a change of it makes other zoos. */
const VERSION = '0.1.0';

/** Classes are named where their names aren't their numbers. */
export function headerOf({ zoo, recipe, seed }: ZooPlan): ZooHeader {
  const { classes } = imageSetReader(zoo.set);
  const header = {
    architecture: architectureOf(recipe).spec,
    recipe,
    seed,
    generator: `${projectName(zoo)} ${VERSION}`,
  };
  return classes.every((name, i) => name === String(i)) ? header : { ...header, classes };
}

const english = (n: number): string => n.toLocaleString('en');

/**
 * The first images of each part of the set: training images first, then those for validation from the end of the
 * training part, then test images. An image is in one split only.
 *
 * @throws {RangeError} when the set doesn't have as many, or there are none
 */
export function membersOf({ zoo, train, validation, test }: ZooPlan): Member[] {
  const { sizes, shape } = imageSetReader(zoo.set);
  if (shape.length !== 2) throw new RangeError(`membersOf: SIREN zoos are of grey images, ${zoo.set} is in colour`);
  if (train + validation > sizes.train || test > sizes.test) {
    throw new RangeError(
      `membersOf: ${zoo.set} has ${english(sizes.train)} ${zoo.images} for training and validation and ${english(sizes.test)} for testing, asked for ${train} + ${validation} and ${test}`,
    );
  }
  if (train + validation + test === 0)
    throw new RangeError(
      `membersOf: a zoo needs ${zoo.images}, asked for 0 + 0 and 0; give --train, --validation or --test`,
    );
  const take = (count: number, part: 'train' | 'test', split: number, from = 0): Member[] =>
    Array.from({ length: count }, (_, i) => ({ part, image: from + i, split }));
  return [
    ...take(train, 'train', 0),
    ...take(validation, 'train', 1, sizes.train - validation),
    ...take(test, 'test', 2),
  ];
}

export function chunksOf(plan: ZooPlan): Chunk[] {
  const members = membersOf(plan);
  const { zoo, recipe, seed } = plan;
  return Array.from({ length: Math.ceil(members.length / SHARD_ROWS) }, (_, i) => {
    const own = members.slice(i * SHARD_ROWS, (i + 1) * SHARD_ROWS);
    const input: FitInput = { zoo, recipe, seed, members: own };
    return {
      shard: `shard-${String(i).padStart(4, '0')}.h5`,
      rows: own.length,
      networks: [i * SHARD_ROWS, i * SHARD_ROWS + own.length - 1],
      input,
    };
  });
}
