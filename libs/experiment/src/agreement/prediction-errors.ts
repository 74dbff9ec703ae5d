/** @file How far predictions are from what is true. */
import { checkPairs } from './check-pairs.ts';

/**
 * Share of the variance of what is true that predictions explain: 1 − Σ (y − p)² / Σ (y − mean y)².
 *
 * @returns NaN where all true values are equal
 * @throws {RangeError} when the lists differ in length, are empty, or hold a value that isn't finite
 */
export function r2(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  checkPairs('r2', predicted, truth);
  const mean = meanOf(truth.length, (i) => truth[i]!);
  const spread = meanOf(truth.length, (i) => (truth[i]! - mean) ** 2);
  return spread === 0 ? NaN : 1 - squaredError(predicted, truth) / spread;
}

/** Mean absolute error, in the unit of the values. @throws {RangeError} as `r2` */
export function meanAbsoluteError(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  checkPairs('meanAbsoluteError', predicted, truth);
  return meanOf(truth.length, (i) => Math.abs(predicted[i]! - truth[i]!));
}

/** Root of the mean squared error, in the unit of the values. @throws {RangeError} as `r2` */
export function rootMeanSquaredError(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  checkPairs('rootMeanSquaredError', predicted, truth);
  return Math.sqrt(squaredError(predicted, truth));
}

const squaredError = (predicted: ArrayLike<number>, truth: ArrayLike<number>): number =>
  meanOf(truth.length, (i) => (predicted[i]! - truth[i]!) ** 2);

function meanOf(count: number, value: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += value(i);
  return sum / count;
}
