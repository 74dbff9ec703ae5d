/** @file A zoo in memory: networks, and what a probe shall read from them. */
import { resolve } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import { mapValues, takeRows } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { openZoo } from '@weightspace/zoo';

export interface EmbeddingData {
  readonly path: string;
  readonly architecture: Architecture;
  /** By parameter; `[N, …shape]`. */
  readonly weights: NdArrays;
  /** Whole numbers to be classified, or numbers to be regressed, by name; one of each network. */
  readonly targets: { readonly [name: string]: NdArray };
  /** Which networks compute the same, where the zoo says it: equal numbers. */
  readonly same: NdArray | undefined;
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/** Targets that only number things. */
const NUMBERS = new Set(['image', 'wave']);

/**
 * @throws {ZooError} when the zoo can't be read
 * @throws {UsageError} when it has too few networks, or nothing to probe for
 */
export async function loadEmbeddingData(path: string, trainSize: number): Promise<EmbeddingData> {
  const zoo = await openZoo(resolve(path));
  try {
    const [train, test] = [zoo.rowsOf('train'), zoo.rowsOf('test')];
    if (test.length < 4)
      throw new UsageError(`zoo ${path}: expected 4 or more networks of the test split, found ${test.length}`);
    if (train.length === 0 || trainSize > train.length)
      throw new UsageError(`zoo ${path}: has ${train.length} networks for training, asked for ${trainSize || 'all'}`);
    const names = zoo.targetNames().filter((name) => !NUMBERS.has(name));
    if (names.length === 0) throw new UsageError(`zoo ${path}: expected a target such as 'label', found none`);
    return {
      path,
      architecture: zoo.architecture,
      weights: zoo.parameters(),
      targets: Object.fromEntries(names.map((name) => [name, zoo.target(name)])),
      same: zoo.targetNames().includes('wave') ? zoo.target('wave') : undefined,
      train: trainSize === 0 ? train : train.slice(0, trainSize),
      test,
    };
  } finally {
    zoo.close();
  }
}

export const weightsOf = ({ weights }: Pick<EmbeddingData, 'weights'>, rows: ArrayLike<number>): NdArrays =>
  mapValues(weights, (array) => takeRows(array, rows));

/**
 * For each training network the others that were fitted to the same.
 *
 * @throws {UsageError} when some have none
 */
export function refitsOf({ path, same, train }: EmbeddingData): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, number[]>();
  for (const row of same === undefined ? [] : train) {
    const number = same!.data[row]!;
    groups.set(number, [...(groups.get(number) ?? []), row]);
  }
  const lonely = same === undefined || [...groups.values()].some((group) => group.length < 2);
  if (lonely)
    throw new UsageError(`zoo ${path}: expected two or more networks for each function; set views to augmented`);
  return new Map(Array.from(train, (row) => [row, groups.get(same.data[row]!)!.filter((other) => other !== row)]));
}
