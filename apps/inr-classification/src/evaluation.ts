/** @file What a classifier makes of networks. */
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { Logits } from './classifier.ts';
import { weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

const EVALUATION_BATCH = 64;

/** The class of each network, by batches of one size, so that one graph serves; the last one is filled up. */
export async function predict(
  logits: Logits,
  params: NdArrays,
  fixed: NdArrays,
  data: Pick<ZooData, 'weights'>,
  rows: ArrayLike<number>,
): Promise<number[]> {
  const probabilities = await logitsOf(logits, params, fixed, data, rows);
  return probabilities.map((row) => row.indexOf(Math.max(...row)));
}

/** @returns logits of each network */
export async function logitsOf(
  logits: Logits,
  params: NdArrays,
  fixed: NdArrays,
  data: Pick<ZooData, 'weights'>,
  rows: ArrayLike<number>,
): Promise<number[][]> {
  const all: number[][] = [];
  for (let from = 0; from < rows.length; from += EVALUATION_BATCH) {
    const members = Array.from({ length: EVALUATION_BATCH }, (_, i) => rows[Math.min(from + i, rows.length - 1)]!);
    const result = (await logits(
      params as never,
      fixed as never,
      weightsOf(data as ZooData, members) as never,
    )) as NdArray;
    const classes = result.shape[1]!;
    for (let i = 0; i < Math.min(EVALUATION_BATCH, rows.length - from); i++) {
      all.push(Array.from(result.data.subarray(i * classes, (i + 1) * classes)));
    }
  }
  return all;
}

export const accuracy = (predictions: readonly number[], data: ZooData, rows: Int32Array): number =>
  predictions.filter((guess, i) => guess === data.labels[rows[i]!]).length / rows.length;
