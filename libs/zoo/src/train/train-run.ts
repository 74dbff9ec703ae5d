/** @file What one training of one network is told. */
import { initializations } from '@weightspace/architecture';

import { augmentations } from './batches.ts';
import type { Augmentation } from './batches.ts';
import { optimizers } from './optimizer-coefficients.ts';
import type { OptimizerName } from './optimizer-coefficients.ts';

export type RateSchedule = 'constant' | 'cosine';
export const schedules: readonly RateSchedule[] = ['constant', 'cosine'];

/** Settings of one run. Together with the architecture and the data they decide its weights, up to float32's rounding. */
export interface TrainRun {
  /** Of its start, its part of the data, the order of the batches, noise, dropout and augmentation. */
  readonly seed: number;
  readonly optimizer: OptimizerName;
  /** Peak learning rate. */
  readonly learningRate: number;
  /** 'cosine' falls to 0 over the whole run. */
  readonly schedule: RateSchedule;
  /** Decoupled (AdamW): weights shrink by rate · weightDecay in each step; biases and norms don't. */
  readonly weightDecay: number;
  /** λ of a penalty λ · Σ w² on weights, which is no part of the losses that are reported. */
  readonly l2: number;
  /** Longest gradient, as a Euclidean norm over all parameters; 0: any. */
  readonly clipNorm: number;
  /** Share of neurons that are dropped behind each activation and recurrent layer, in [0, 1). */
  readonly dropout: number;
  /** A recipe of libs/architecture. */
  readonly initialization: string;
  /** What the recipe's weights are multiplied by. */
  readonly initScale: number;
  /** Share of the training examples that it sees, in (0, 1]. */
  readonly trainShare: number;
  /** Share of those whose label is replaced by another class for good, in [0, 1]. */
  readonly labelNoise: number;
  readonly augmentation: Augmentation;
}

/** Everything but the seed, for `{ ...standardRun, seed: 3 }`. */
export const standardRun: Omit<TrainRun, 'seed'> = {
  optimizer: 'adam',
  learningRate: 1e-3,
  schedule: 'constant',
  weightDecay: 0,
  l2: 0,
  clipNorm: 0,
  dropout: 0,
  initialization: 'default',
  initScale: 1,
  trainShare: 1,
  labelNoise: 0,
  augmentation: 'none',
};

const atLeast = (low: number) => [`a number ≥ ${low}`, (x: number) => x >= low && x < Infinity] as const;
const numbers: { readonly [key: string]: readonly [expected: string, fits: (x: number) => boolean] } = {
  seed: ['a whole number', Number.isSafeInteger],
  learningRate: atLeast(0),
  weightDecay: atLeast(0),
  l2: atLeast(0),
  clipNorm: atLeast(0),
  dropout: ['a number in [0, 1)', (x) => x >= 0 && x < 1],
  initScale: ['a finite number', Number.isFinite],
  trainShare: ['a number in (0, 1]', (x) => x > 0 && x <= 1],
  labelNoise: ['a number in [0, 1]', (x) => x >= 0 && x <= 1],
};
const names: { readonly [key: string]: () => readonly string[] } = {
  optimizer: () => optimizers,
  schedule: () => schedules,
  initialization: () => ['default', ...initializations()],
  augmentation: () => augmentations,
};

/** @throws {RangeError} on a setting that isn't possible; names the run */
export function checkRun(run: TrainRun, at: number): void {
  const settings = run as unknown as { readonly [key: string]: unknown };
  const refuse = (key: string, expected: string) => {
    throw new RangeError(`trainNetworks: runs[${at}].${key} must be ${expected}, got ${JSON.stringify(settings[key])}`);
  };
  for (const [key, [expected, fits]] of Object.entries(numbers)) {
    if (typeof settings[key] !== 'number' || !fits(settings[key])) refuse(key, expected);
  }
  for (const [key, known] of Object.entries(names)) {
    if (!known().includes(settings[key] as string)) refuse(key, `one of ${known().join(', ')}`);
  }
}
