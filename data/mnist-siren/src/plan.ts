/** @file Which digits a zoo has, and how they are cut into shards. */
import type { Chunk, SirenRecipe, ZooHeader } from '@weightspace/zoo';

import { architectureOf } from './fit-digits.ts';
import type { FitInput, Member } from './fit-digits.ts';

export interface ZooPlan {
  /** Digits from MNIST's training images. */
  readonly train: number;
  readonly validation: number;
  /** Digits from MNIST's test images. */
  readonly test: number;
  readonly seed: number;
  readonly recipe: SirenRecipe;
}

/** Digits per shard: half a minute of one core. */
export const SHARD_ROWS = 128;
export const GENERATOR = 'data-mnist-siren 0.1.0';

export const headerOf = ({ recipe, seed }: ZooPlan): ZooHeader => ({
  architecture: architectureOf(recipe).spec,
  recipe,
  seed,
  generator: GENERATOR,
});

/**
 * The first digits of each part of MNIST, whose order is random already: training digits first, then those for
 * validation from the end of MNIST's training images, then test digits. A digit is in one split only.
 *
 * @throws {RangeError} when MNIST doesn't have as many, or there are none
 */
export function membersOf({ train, validation, test }: ZooPlan): Member[] {
  if (train + validation > 60_000 || test > 10_000) {
    throw new RangeError(
      `membersOf: MNIST has 60,000 digits for training and validation and 10,000 for testing, asked for ${train} + ${validation} and ${test}`,
    );
  }
  if (train + validation + test === 0)
    throw new RangeError('membersOf: a zoo needs digits, asked for 0 + 0 and 0; give --train, --validation or --test');
  const take = (count: number, part: 'train' | 'test', split: number, from = 0): Member[] =>
    Array.from({ length: count }, (_, i) => ({ part, image: from + i, split }));
  return [...take(train, 'train', 0), ...take(validation, 'train', 1, 60_000 - validation), ...take(test, 'test', 2)];
}

export function chunksOf(plan: ZooPlan): Chunk[] {
  const members = membersOf(plan);
  const { recipe, seed } = plan;
  return Array.from({ length: Math.ceil(members.length / SHARD_ROWS) }, (_, i) => {
    const own = members.slice(i * SHARD_ROWS, (i + 1) * SHARD_ROWS);
    const input: FitInput = { recipe, seed, members: own };
    return {
      shard: `shard-${String(i).padStart(4, '0')}.h5`,
      rows: own.length,
      networks: [i * SHARD_ROWS, i * SHARD_ROWS + own.length - 1],
      input,
    };
  });
}
