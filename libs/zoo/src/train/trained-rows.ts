/** @file Trained networks as rows of a zoo, with the names that all zoos of trained networks share. */
import { initializations } from '@weightspace/architecture';
import { mapValues, ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { ZooRows } from '../shard.ts';
import { augmentations } from './batches.ts';
import { optimizers } from './optimizer-coefficients.ts';
import type { TrainedCheckpoint } from './train-networks.ts';
import { schedules } from './train-run.ts';
import type { TrainRun } from './train-run.ts';

/** Names that the numbers of a categorical column stand for, by column; a zoo's recipe keeps them as `codes`. */
export interface TrainCodes {
  readonly [column: string]: readonly string[];
}

/** What the columns of `trainedRows` mean in this version; zoos add their own, e.g. `activation`. */
export const trainCodes = (): TrainCodes => ({
  optimizer: optimizers,
  schedule: schedules,
  initialization: ['default', ...initializations()],
  augmentation: augmentations,
});

export interface TrainedRowsOptions {
  readonly runs: readonly TrainRun[];
  readonly trained: readonly TrainedCheckpoint[];
  /** Numbers of the runs, each of which is unique in the zoo. */
  readonly numbers: readonly number[];
  /** Split of each run: 0 train, 1 validation, 2 test. */
  readonly splits: readonly number[];
  /** As in the zoo's recipe. */
  readonly codes: TrainCodes;
  /** Columns for `/fit` besides, one value per run; a name of `codes` where the column has them. */
  readonly more?: { readonly [column: string]: readonly (number | string)[] };
  readonly batch: number;
}

const plain: readonly (readonly [column: string, setting: keyof TrainRun])[] = [
  ['learning-rate', 'learningRate'],
  ['weight-decay', 'weightDecay'],
  ['l2', 'l2'],
  ['clip-norm', 'clipNorm'],
  ['dropout', 'dropout'],
  ['init-scale', 'initScale'],
  ['train-share', 'trainShare'],
  ['label-noise', 'labelNoise'],
];
const named: readonly (keyof TrainRun)[] = ['optimizer', 'schedule', 'initialization', 'augmentation'];

/**
 * One row for each checkpoint of each run, the checkpoints of a run together.
 *
 * `/target` gets accuracies and losses; `/fit` the run, the epoch and step of the checkpoint, whether the run has diverged
 * by then, and a column for each setting, of which categorical ones are codes.
 * @throws {RangeError} on a name that has no code
 */
export function trainedRows({ runs, trained, numbers, splits, codes, more = {}, batch }: TrainedRowsOptions): ZooRows {
  const count = runs.length * trained.length;
  const perRow = (value: (run: number, checkpoint: TrainedCheckpoint) => number): number[] =>
    runs.flatMap((_, n) => trained.map((checkpoint) => value(n, checkpoint)));
  const floats = (value: (run: number, checkpoint: TrainedCheckpoint) => number) => ndarray(perRow(value), [count]);
  const whole = (value: (run: number, checkpoint: TrainedCheckpoint) => number) =>
    ndarray(Int32Array.from(perRow(value)), [count]);
  const coded = (column: string, name: (run: number) => string) => whole((n) => codeOf(codes, column, name(n)));
  const others = mapValues(more, (values, column) =>
    typeof values[0] === 'string' ? coded(column, (n) => String(values[n])) : floats((n) => Number(values[n])),
  );
  const metric = (
    name: 'trainLoss' | 'trainAccuracy' | 'testLoss' | 'testAccuracy' | 'validationLoss' | 'validationAccuracy',
  ) => floats((n, checkpoint) => checkpoint[name].data[n]!);
  const validated = trained.some(({ validationLoss }) => !validationLoss.data.every(Number.isNaN));
  return {
    parameters: interleaved(trained.map(({ parameters }) => parameters)),
    target: {
      'test-accuracy': metric('testAccuracy'),
      'test-loss': metric('testLoss'),
      'train-accuracy': metric('trainAccuracy'),
      'train-loss': metric('trainLoss'),
      ...(validated
        ? { 'validation-accuracy': metric('validationAccuracy'), 'validation-loss': metric('validationLoss') }
        : {}),
    },
    fit: {
      run: whole((n) => numbers[n]!),
      epoch: floats((n, { epochs }) => epochs.data[n]!),
      step: whole((n, { steps }) => steps.data[n]!),
      diverged: whole((n, { diverged }) => diverged.data[n]!),
      batch: floats(() => batch),
      ...Object.fromEntries(plain.map(([column, setting]) => [column, floats((n) => runs[n]![setting] as number)])),
      ...Object.fromEntries(named.map((setting) => [setting, coded(setting, (n) => runs[n]![setting] as string)])),
      ...others,
    },
    split: Uint8Array.from(perRow((n) => splits[n]!)),
  };
}

function codeOf(codes: TrainCodes, column: string, name: string): number {
  const code = codes[column]?.indexOf(name) ?? -1;
  if (code >= 0) return code;
  const known = codes[column]?.join(', ') ?? 'no names';
  throw new RangeError(`trainedRows: ${column} must be one of its codes (${known}), got ${JSON.stringify(name)}`);
}

/** Row n of each array in turn, then row n + 1. */
function interleaved(parts: readonly NdArrays[]): NdArrays {
  return mapValues(parts[0] ?? {}, ({ shape }, name): NdArray => {
    const [count, ...rest] = shape as [number, ...number[]];
    const stride = sizeOf(rest);
    const data = new Float32Array(parts.length * count * stride);
    parts.forEach((part, k) => {
      for (let n = 0; n < count; n++) {
        data.set(part[name]!.data.subarray(n * stride, (n + 1) * stride), (n * parts.length + k) * stride);
      }
    });
    return ndarray(data, [count * parts.length, ...rest]);
  });
}
