/** @file What trainNetworks refuses. */
import type { Architecture } from '@weightspace/architecture';

import { answersOf, stepsPerEpoch } from './batches.ts';
import type { Examples } from './batches.ts';
import type { TrainRun } from './train-run.ts';

export interface TrainData {
  readonly train: Examples;
  /** What losses and accuracies of training are measured on, where not all of `train` is: a part of it. */
  readonly trainProbe?: Examples;
  /** Kept out of training: how well a network does on it is what somebody with data would know. */
  readonly validation?: Examples;
  readonly test: Examples;
}

const refuse = (what: string, expected: string, got: unknown): never => {
  throw new RangeError(`trainNetworks: ${what} must be ${expected}, got ${String(got)}`);
};
const isCount = (n: number) => Number.isSafeInteger(n) && n >= 1;

interface Sizes {
  readonly epochs: number;
  readonly batch: number;
  readonly checkpoints: readonly number[];
  readonly stack: number;
}

export function checkSizes({ epochs, batch, checkpoints, stack }: Sizes): void {
  for (const [name, n] of Object.entries({ epochs, batch, stack }))
    if (!isCount(n)) refuse(name, 'a whole number ≥ 1', n);
  const rising = checkpoints.every((epoch, i) => Number.isInteger(epoch) && epoch > (checkpoints[i - 1] ?? -1));
  if (!rising || checkpoints.length === 0 || checkpoints.at(-1)! > epochs) {
    refuse('checkpoints', `rising whole numbers from 0 to ${epochs}`, `[${checkpoints.join(', ')}]`);
  }
}

/** @returns whether classes are learned, and how many there are */
export function checkData(
  { spec, values }: Architecture,
  data: TrainData,
  runs: readonly TrainRun[],
  batch: number,
): { readonly classifies: boolean; readonly classes: number } {
  const input = spec.inputs[0]!;
  if (spec.inputs.length !== 1) refuse('architecture', 'one of a single input', `${spec.inputs.length} inputs`);
  const output = values.find(({ name }) => name === spec.output)!;
  const own = [...(input.positions ?? []), input.size];
  const classifies = data.train.labels !== undefined;
  const classes = output.size;
  for (const [part, examples] of Object.entries(data) as [string, Examples | undefined][]) {
    if (!examples) continue;
    const { inputs, labels, targets } = examples;
    const count = inputs.shape[0]!;
    if (inputs.shape.slice(1).join() !== own.join() || count === 0) {
      refuse(`data.${part}.inputs`, `of shape [n, ${own.join(', ')}], n ≥ 1`, `[${inputs.shape.join(', ')}]`);
    }
    if ((labels === undefined) === (targets === undefined) || (labels !== undefined) !== classifies) {
      refuse(
        `data.${part}`,
        `examples with ${classifies ? 'labels' : 'targets'} alone`,
        Object.keys(examples).join(', '),
      );
    }
    const wanted = [count, ...output.positions, ...(classifies ? [] : [classes])];
    const { shape } = answersOf(examples);
    if (shape.join() !== wanted.join()) {
      refuse(
        `data.${part}.${classifies ? 'labels' : 'targets'}`,
        `of shape [${wanted.join(', ')}]`,
        `[${shape.join(', ')}]`,
      );
    }
    const wrong = labels?.data.findIndex((label) => label < 0 || label >= classes) ?? -1;
    if (wrong >= 0) refuse(`data.${part}.labels[${wrong}]`, `a class from 0 to ${classes - 1}`, labels!.data[wrong]);
  }
  runs.forEach((run, at) => checkRunFits(run, at, data.train, batch, classifies, own.length === 3));
  return { classifies, classes };
}

function checkRunFits(
  run: TrainRun,
  at: number,
  train: Examples,
  batch: number,
  classifies: boolean,
  images: boolean,
): void {
  const count = train.inputs.shape[0]!;
  if (stepsPerEpoch(run, count, batch) < 1) {
    refuse(`runs[${at}].trainShare`, `at least a batch of ${batch} of the ${count} examples`, run.trainShare);
  }
  if (run.labelNoise > 0 && !classifies)
    refuse(`runs[${at}].labelNoise`, '0 where there are no labels', run.labelNoise);
  if (run.augmentation !== 'none' && !images) {
    refuse(`runs[${at}].augmentation`, "'none' where inputs aren't images", run.augmentation);
  }
}
