/** @file What several seeds say together. */

export interface MeanInterval {
  readonly mean: number;
  /** Bounds of the 95 % confidence interval of the mean; NaN for fewer than two values. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/**
 * The mean of independent values and its 95 % interval, which supposes that they are about normal.
 *
 * Source: Student 1908, "The probable error of a mean", Biometrika 6. Departs: beyond 30 degrees of freedom, the quantile
 * is 1.96 + 2.5 / degrees, within 0.003 of it.
 * @throws {RangeError} when there are no values
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const count = values.length;
  if (count === 0) throw new RangeError('meanInterval: values must not be empty, got []');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = (T[count - 2] ?? 1.96 + 2.5 / (count - 1)) * Math.sqrt(variance / count);
  return { mean, low: mean - half, high: mean + half, count };
}
