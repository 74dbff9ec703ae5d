/** @file Antithetic perturbations of meta-parameters, and gradients from what they do to losses. */
import { mapValues, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

import { checkPositive, LearnedOptimizerError } from '../kinds.ts';
import type { TruncatedStep } from '../unroll/truncated-step.ts';

/** What evolution strategies have in common. */
export const evolutionSettings = {
  /** σ: of the perturbation of each meta-parameter. */
  deviation: 0.01,
  /** Only the sign of each difference of losses counts. */
  sign: false,
  /** Differences of losses are cut at this; 0: not at all. */
  clip: 0,
};
export type EvolutionSettings = typeof evolutionSettings;

/** What a loss counts as where it is NaN or infinite after all, as published. */
const BAD_LOSS = 20;

/** @throws {LearnedOptimizerError} on settings that aren't possible, or an optimizer without meta-parameters */
export function checkEvolution(
  kind: string,
  { optimizer }: TruncatedStep,
  { deviation, clip }: EvolutionSettings,
): void {
  checkLearnable(kind, optimizer.kind, optimizer.metaParameterCount);
  checkPositive(kind, 'deviation', deviation);
  if (!(clip >= 0 && clip < Infinity)) {
    throw new LearnedOptimizerError(kind, `clip must be a finite number ≥ 0, got ${clip}`);
  }
}

export function checkLearnable(kind: string, optimizer: string, metaParameterCount: number): void {
  if (metaParameterCount > 0) return;
  throw new LearnedOptimizerError(
    kind,
    `optimizer '${optimizer}' must have meta-parameters, got none; use a learnable kind`,
  );
}

/** One perturbation for each task; shape `[T, …]`. */
export const drawPerturbations = (meta: NdArrays, tasks: number, deviation: number, stream: RandomStream): NdArrays =>
  mapValues(meta, ({ shape }, name) => stream.split(name).normal([tasks, ...shape], 0, deviation));

/** 2 T copies of the meta-parameters: those with the perturbations added, then those with them subtracted. */
export const antithetic = (meta: NdArrays, perturbations: NdArrays): NdArrays =>
  mapValues(meta, ({ data, shape }, name) => {
    const moves = perturbations[name]!.data;
    const [size, half] = [data.length, moves.length];
    const copies = new Float32Array(2 * half);
    for (let i = 0; i < half; i++) {
      const [at, move] = [data[i % size]!, moves[i]!];
      copies[i] = at + move;
      copies[half + i] = at - move;
    }
    return ndarray(copies, [(2 * half) / size, ...shape]);
  });

/**
 * How much larger each task's mean loss is under + than under −.
 *
 * @param losses shape `[K, 2 T]`
 */
export function lossDifferences(losses: NdArray, { sign, clip }: EvolutionSettings): Float64Array {
  const [K, N] = losses.shape as [number, number];
  const differences = new Float64Array(N / 2);
  for (let k = 0; k < K; k++) {
    for (let t = 0; t < N / 2; t++) {
      differences[t]! += finite(losses.data[k * N + t]!) - finite(losses.data[k * N + N / 2 + t]!);
    }
  }
  return differences.map((sum) => shaped(sum / K, sign, clip));
}

/** A difference of losses as it counts. */
export function shaped(difference: number, sign: boolean, clip: number): number {
  if (sign) return Math.sign(difference);
  return clip === 0 ? difference : Math.max(-clip, Math.min(clip, difference));
}

export const finite = (loss: number): number => (Number.isFinite(loss) ? loss : BAD_LOSS);

/** The mean over tasks of what each one's gradient is. */
export interface MeanGradient {
  readonly gradient: NdArrays;
  readonly deviation: number;
  readonly lost: number;
}

/**
 * Mean over tasks of direction · difference / (2 σ²).
 *
 * @param directions shape `[T, …]`
 */
export function evolutionGradient(directions: NdArrays, differences: Float64Array, deviation: number): MeanGradient {
  const factors = differences.map((difference) => difference / (2 * deviation ** 2));
  return meanGradient(directions, factors);
}

/**
 * The mean over tasks of factor · gradient; a task counts as 0 where any of that isn't finite.
 *
 * @param gradients shape `[T, …]`
 */
export function meanGradient(gradients: NdArrays, factors: ArrayLike<number>): MeanGradient {
  const T = factors.length;
  const good = Array.from({ length: T }, (_, t) => isFiniteTask(gradients, factors[t]!, t));
  let [variance, elements] = [0, 0];
  const gradient = mapValues(gradients, ({ data, shape }) => {
    const size = data.length / T;
    const [sum, squares] = [new Float64Array(size), new Float64Array(size)];
    for (let t = 0; t < T; t++) {
      if (!good[t]) continue;
      const factor = factors[t]!;
      for (let i = 0; i < size; i++) {
        const value = factor * data[t * size + i]!;
        sum[i]! += value;
        squares[i]! += value * value;
      }
    }
    elements += size;
    if (T > 1) for (let i = 0; i < size; i++) variance += (squares[i]! - sum[i]! ** 2 / T) / (T - 1);
    return ndarray(
      Float32Array.from(sum, (value) => value / T),
      shape.slice(1),
    );
  });
  const lost = good.filter((fine) => !fine).length;
  return { gradient, deviation: Math.sqrt(Math.max(0, variance) / elements), lost };
}

function isFiniteTask(gradients: NdArrays, factor: number, task: number): boolean {
  if (!Number.isFinite(factor)) return false;
  return Object.values(gradients).every(({ data, shape }) => {
    const size = data.length / shape[0]!;
    for (let i = task * size; i < (task + 1) * size; i++) {
      // What a float32 can't hold is as bad.
      if (!Number.isFinite(Math.fround(factor * data[i]!))) return false;
    }
    return true;
  });
}

/** Mean loss, steps and share of diverged networks of a truncation. */
export function summary(losses: NdArray, rawLosses: NdArray) {
  const [K, N] = losses.shape as [number, number];
  let sum = 0;
  for (const loss of losses.data) sum += finite(loss);
  const last = rawLosses.data.subarray((K - 1) * N);
  const diverged = Array.from(last).filter((loss) => !Number.isFinite(loss)).length / N;
  return { loss: sum / (K * N), innerSteps: K * N, diverged };
}
