/** @file Weights with mean 0 and deviation 1 over training networks, such that the order of neurons doesn't matter. */
import { fromTensor, mapValues, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';

import { splitBlocks } from '../blocks/blocks.ts';
import type { Block } from '../blocks/blocks.ts';

/**
 * Mean and deviation of each block over networks and over all neurons that permute; inputs, outputs and kernel positions
 * have their own.
 *
 * @param weights by parameter; shape `[N, …shape]`
 * @returns `mean.<block>` and `deviation.<block>`; shape `[1, …factors or 1]`
 * Symmetry: the same for permuted networks.
 * Source: the z-scoring of the code of Zhou et al. 2023, arXiv:2302.14040.
 * Departs: its mean and deviation are of each entry by itself, which breaks the symmetry.
 */
export function measureMoments(blocks: readonly Block[], weights: NdArrays): NdArrays {
  const found: Record<string, NdArray> = {};
  tf.tidy(() => {
    const parts = splitBlocks(blocks, mapValues(weights, toTensor));
    for (const { name, factors } of blocks) {
      const axes = [0, ...factors.flatMap(({ free }, i) => (free ? [i + 1] : []))];
      const mean = tf.mean(parts[name]!, axes, true);
      const variance = tf.mean(tf.squaredDifference(parts[name]!, mean), axes, true);
      found[`mean.${name}`] = fromTensor(mean);
      found[`deviation.${name}`] = mapData(fromTensor(tf.sqrt(variance)), (v) => (v < LEAST ? 1 : v));
    }
  });
  return found;
}

/** Below it a block is taken for constant, as in the public code. */
const LEAST = 1e-5;

const mapData = (array: NdArray, f: (v: number) => number): NdArray =>
  ({ ...array, data: array.data.map(f) }) as NdArray;

/** One block of networks, by what `measureMoments` found. @param x shape `[B, …factors]` */
export const standardizeBlock = (fixed: Tensors, name: string, x: Tensor): Tensor =>
  tf.div(tf.sub(x, fixed[`mean.${name}`]!), fixed[`deviation.${name}`]!);
