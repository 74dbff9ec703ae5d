/** @file The work of one shard: SIRENs fitted to some sine waves. Runs in a worker; needs nothing but its input. */
import { initialize, siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { cosine, ndarray, RandomStream, warmUp } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { fitFunctions } from '@weightspace/zoo';
import type { ZooRows } from '@weightspace/zoo';

/** Every choice that decides which weights a fit ends with, other than the wave and the seed. */
export interface WaveRecipe {
  readonly sizes: readonly number[];
  readonly omega: number;
  /** Amplitude and frequency are uniform from 0 to this. */
  readonly reach: number;
  /** Points at which the wave is known, from −π to π. */
  readonly points: number;
  readonly steps: number;
  /** Networks that are fitted to each wave, from starts of their own. */
  readonly copies: number;
  /** Adam; the rate rises linearly for a tenth of the steps, then falls as a cosine to 1 % of it. */
  readonly rate: number;
}

/**
 * y = a sin(b x) on [−π, π], a and b uniform in [0, 10], by SIRENs 1-32-32-1.
 *
 * Source: Navon et al. 2023, arXiv:2301.12780, section 6.2 (self-supervised learning).
 * Departs: two networks per wave; inputs are divided by π, so that they lie in [−1, 1], for which SIRENs are initialized; the rate decays.
 */
export const waveRecipe: WaveRecipe = {
  sizes: [1, 32, 32, 1],
  omega: 30,
  reach: 10,
  points: 128,
  steps: 1000,
  copies: 2,
  rate: 1e-3,
};

export interface WaveInput {
  readonly recipe: WaveRecipe;
  readonly seed: number;
  /** Numbers of the networks; those of one wave follow each other. */
  readonly members: readonly number[];
  /** Split of each: 0 train, 1 validation, 2 test. */
  readonly splits: readonly number[];
}

export const architectureOf = ({ sizes, omega }: WaveRecipe): Architecture => siren({ sizes, omega });

/** Amplitude and frequency of a wave; they depend on the seed and its number alone. */
export function waveOf(seed: number, number: number, { reach }: WaveRecipe): readonly [a: number, b: number] {
  const own = RandomStream.fromSeed(seed).split('sine-waves').split(number);
  return [reach * own.next(), reach * own.next()];
}

export async function fitWaves({ recipe, seed, members, splits }: WaveInput): Promise<ZooRows> {
  const architecture = architectureOf(recipe);
  const stream = RandomStream.fromSeed(seed).split('sine-waves').split('start');
  const first = members[0]!;
  const start = initialize(architecture, stream, { count: members.length, first });
  const { points, steps, rate, copies } = recipe;
  const x = Float32Array.from({ length: points }, (_, p) => -1 + (2 * p) / (points - 1));
  const numbers = members.map((number) => Math.floor(number / copies));
  const waves = numbers.map((number) => waveOf(seed, number, recipe));
  const y = new Float32Array(members.length * points);
  waves.forEach(([a, b], n) => x.forEach((at, p) => (y[n * points + p] = a * Math.sin(b * Math.PI * at))));
  const rise = Math.round(steps / 10);
  const { parameters, loss } = await fitFunctions(
    architecture,
    ndarray(x, [points, 1]),
    ndarray(y, [members.length, points, 1]),
    start,
    { steps, rate: warmUp(rise, cosine(rate, steps - rise, rate / 100)), threads: 1 },
  );
  const column = (i: 0 | 1): NdArray =>
    ndarray(
      Float32Array.from(waves, (wave) => wave[i]),
      [members.length],
    );
  return {
    parameters,
    target: { amplitude: column(0), frequency: column(1), wave: ndarray(Int32Array.from(numbers), [members.length]) },
    fit: { loss },
    split: Uint8Array.from(splits),
  };
}
