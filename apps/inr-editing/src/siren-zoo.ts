/** @file A zoo of SIRENs in memory, and what they draw. */
import { resolve } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import { mapValues, takeRows, tf } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { openZoo, renderOnGrid } from '@weightspace/zoo';
import type { SirenRecipe } from '@weightspace/zoo';

export interface SirenZoo {
  readonly path: string;
  readonly architecture: Architecture;
  readonly recipe: SirenRecipe;
  /** By parameter; `[N, …shape]`. */
  readonly weights: NdArrays;
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/** Side of the pictures. */
export const SIDE = 28;

/**
 * @param trainSize how many of the training networks to use, from the first on; all when 0
 * @throws {ZooError} when the zoo can't be read
 * @throws {UsageError} when it has too few networks
 */
export async function loadSirens(path: string, trainSize: number): Promise<SirenZoo> {
  const zoo = await openZoo(resolve(path));
  try {
    const [train, test] = [zoo.rowsOf('train'), zoo.rowsOf('test')];
    if (test.length === 0) throw new UsageError(`zoo ${path}: expected networks of the test split, found none`);
    if (train.length === 0 || trainSize > train.length)
      throw new UsageError(`zoo ${path}: has ${train.length} networks for training, asked for ${trainSize || 'all'}`);
    return {
      path,
      architecture: zoo.architecture,
      recipe: zoo.header.recipe as SirenRecipe,
      weights: zoo.parameters(),
      train: trainSize === 0 ? train : train.slice(0, trainSize),
      test,
    };
  } finally {
    zoo.close();
  }
}

export const weightsOf = ({ weights }: Pick<SirenZoo, 'weights'>, rows: ArrayLike<number>): NdArrays =>
  mapValues(weights, (array) => takeRows(array, rows));

/**
 * What the networks draw, in grey values from 0 (black) to 1 (white), not cut to that range. Traceable.
 *
 * @param weights by parameter; shape `[B, …shape]`
 * @returns shape `[B, 28, 28]`
 */
export function draw({ architecture, recipe }: Pick<SirenZoo, 'architecture' | 'recipe'>, weights: Tensors): Tensor {
  const batch = weights[architecture.parameters[0]!.name]!.shape[0]!;
  const flat = tf.concat(
    architecture.parameters.map(({ name }) => tf.reshape(weights[name]!, [batch, -1])),
    1,
  );
  const { sizes, omega, outputOffset } = recipe;
  const values = renderOnGrid(flat, { sizes, omega, outputOffset, rows: SIDE, columns: SIDE });
  const [low, high] = recipe.imageRange;
  return tf.reshape(tf.div(tf.sub(values, low), high - low), [batch, SIDE, SIDE]);
}
