/** @file Which waves a zoo has, and how they are cut into shards. */
import type { Chunk, ZooHeader } from '@weightspace/zoo';

import { architectureOf } from './fit-waves.ts';
import type { WaveInput, WaveRecipe } from './fit-waves.ts';

export interface WavePlan {
  /** Waves; each has `recipe.copies` networks, all in one split. */
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
  readonly recipe: WaveRecipe;
}

/** Networks per shard: half a minute of one core. */
export const SHARD_ROWS = 128;

export const headerOf = ({ recipe, seed }: WavePlan): ZooHeader => ({
  architecture: architectureOf(recipe).spec,
  recipe,
  seed,
  generator: 'data-sine-waves 0.1.0',
});

/** @throws {RangeError} when there are no waves */
export function chunksOf({ train, validation, test, recipe, seed }: WavePlan): Chunk[] {
  const of = (waves: number, split: number) => Array<number>(waves * recipe.copies).fill(split);
  const splits = [...of(train, 0), ...of(validation, 1), ...of(test, 2)];
  if (splits.length === 0) throw new RangeError('chunksOf: a zoo needs waves, asked for none; give --train or --test');
  return Array.from({ length: Math.ceil(splits.length / SHARD_ROWS) }, (_, i) => {
    const from = i * SHARD_ROWS;
    const own = splits.slice(from, from + SHARD_ROWS);
    const input: WaveInput = { recipe, seed, members: own.map((_split, k) => from + k), splits: own };
    return {
      shard: `shard-${String(i).padStart(4, '0')}.h5`,
      rows: own.length,
      networks: [from, from + own.length - 1],
      input,
    };
  });
}
