/** @file A zoo in memory, as training wants it. */
import { resolve } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import { takeRows } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { mapValues } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { openZoo, SPLITS } from '@weightspace/zoo';
import type { SirenRecipe, SplitName } from '@weightspace/zoo';

/** Networks with a class each. */
export interface ZooData {
  readonly path: string;
  readonly architecture: Architecture;
  readonly recipe: SirenRecipe;
  /** By parameter; `[N, …shape]`. */
  readonly weights: NdArrays;
  readonly labels: Int32Array;
  readonly classes: readonly string[];
  /** The image set that it was made of; undefined where the generator isn't one of the projects in data/. */
  readonly imageSet: string | undefined;
  readonly psnr: Float32Array;
  /** Numbers of the networks of each part. */
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

/**
 * @param trainSize how many of the training networks to use, from the first on; all when 0
 * @param needed parts that must have networks
 * @throws {ZooError} when the zoo can't be read
 * @throws {UsageError} when trainSize is no such number, or the zoo has no labels, or no networks of a part that is needed
 */
export async function loadZooData(
  path: string,
  trainSize = 0,
  needed: readonly SplitName[] = ['train', 'test'],
): Promise<ZooData> {
  if (!Number.isInteger(trainSize) || trainSize < 0)
    throw new UsageError(`loadZooData: trainSize must be a whole number, 0 for all, got ${trainSize}`);
  const zoo = await openZoo(resolve(path));
  try {
    if (!zoo.targetNames().includes('label')) {
      throw new UsageError(
        `zoo ${path}: expected a target 'label', found ${zoo.targetNames().join(', ') || 'no targets'}; choose a zoo with classes`,
      );
    }
    const labels = zoo.target('label').data as Int32Array;
    const [train, validation, test] = [zoo.rowsOf('train'), zoo.rowsOf('validation'), zoo.rowsOf('test')];
    const parts = { train, validation, test };
    const missing = needed.filter((part) => parts[part].length === 0);
    if (missing.length > 0) {
      const found = SPLITS.map((part) => `${parts[part].length} ${part}`).join(', ');
      throw new UsageError(
        `zoo ${path}: expected networks of the ${missing.join(' and the ')} split, found ${found}; choose another ${needed.length > 1 ? 'zoo' : 'split or zoo'}, or generate one with them`,
      );
    }
    if (trainSize > train.length)
      throw new UsageError(`zoo ${path}: has ${train.length} networks for training, asked for ${trainSize}`);
    return {
      path,
      architecture: zoo.architecture,
      recipe: zoo.header.recipe as SirenRecipe,
      weights: zoo.parameters(),
      labels,
      classes: zoo.header.classes ?? numbersOf(labels),
      imageSet: /^data-(.+)-siren /.exec(zoo.header.generator)?.[1],
      psnr: zoo.fit('psnr').data as Float32Array,
      train: trainSize === 0 ? train : train.slice(0, trainSize),
      validation,
      test,
    };
  } finally {
    zoo.close();
  }
}

/** Names of classes that have none: their numbers. */
const numbersOf = (labels: Int32Array): string[] =>
  Array.from({ length: labels.reduce((most, label) => Math.max(most, label), 0) + 1 }, (_, i) => String(i));

export const weightsOf = (data: ZooData, rows: ArrayLike<number>): NdArrays =>
  mapValues(data.weights, (array) => takeRows(array, rows));

export const labelsOf = (data: ZooData, rows: ArrayLike<number>): NdArray => ({
  dtype: 'int32',
  shape: [rows.length],
  data: Int32Array.from(rows as ArrayLike<number>, (row) => data.labels[row]!),
});
