import type { NdArrays } from '@weightspace/compute';
import { mapValues, ndarray, ShapeError } from '@weightspace/compute';

import { AlignmentError } from '../alignment-error.ts';

/** (1 − λ) · from + λ · to, number by number. */
export function interpolate(from: NdArrays, to: NdArrays, lambda: number): NdArrays {
  return mapValues(from, (a, name) => {
    const b = to[name];
    if (b === undefined || b.shape.join() !== a.shape.join()) {
      throw new ShapeError('interpolate', `to '${name}'`, a.shape, b?.shape ?? []);
    }
    const data = Float32Array.from(a.data as ArrayLike<number>, (x, i) => (1 - lambda) * x + lambda * b.data[i]!);
    return ndarray(data, a.shape);
  });
}

export interface InterpolationCase {
  /** What the networks are worse by; called once for each point of the line. */
  readonly loss: (params: NdArrays) => number | Promise<number>;
  readonly from: NdArrays;
  /** Aligned, or not. */
  readonly to: NdArrays;
  /** Points of the line with both ends; 25 unless said otherwise. */
  readonly points?: number;
}

export interface InterpolationBarrier {
  readonly lambdas: readonly number[];
  readonly losses: readonly number[];
  /** max over λ of L(λ) − ((1−λ) L(0) + λ L(1)); at least 0. */
  readonly barrier: number;
  /** max over λ of L(λ) − ½ (L(0) + L(1)), as Git Re-Basin plots it; the two differ where the ends do. */
  readonly aboveMean: number;
}

/**
 * The loss along the line between two networks of one architecture.
 *
 * @throws {AlignmentError} on fewer than 3 points
 * @throws {ShapeError} when the parameters differ in shape
 * Source: Frankle et al. 2020, arXiv:1912.05671 (`barrier`); Ainsworth et al. 2023, arXiv:2209.04836 (`aboveMean`).
 * Departs: statistics of batch norms are interpolated as any parameter, and not estimated anew.
 */
export async function interpolationBarrier(test: InterpolationCase): Promise<InterpolationBarrier> {
  const { loss, from, to, points = 25 } = test;
  if (!Number.isInteger(points) || points < 3) {
    throw new AlignmentError('interpolationBarrier', `points must be a whole number from 3, got ${points}`);
  }
  const lambdas = Array.from({ length: points }, (_, i) => i / (points - 1));
  const losses: number[] = [];
  for (const lambda of lambdas) losses.push(await loss(interpolate(from, to, lambda)));
  const [first, last] = [losses[0]!, losses.at(-1)!];
  return {
    lambdas,
    losses,
    barrier: Math.max(...losses.map((value, i) => value - ((1 - lambdas[i]!) * first + lambdas[i]! * last))),
    aboveMean: Math.max(...losses) - (first + last) / 2,
  };
}
