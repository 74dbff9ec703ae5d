/** @file Where the training networks lie, and how far another one is from them. */

/** Plain numbers, so that a saved predictor has them. */
export interface Distribution {
  readonly mean: readonly number[];
  /** Lower triangle of the Cholesky factor of the covariance. */
  readonly factor: readonly (readonly number[])[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Distances of the training networks: 0 %, 1 %, …, 100 % of them are at most this far. */
  readonly quantiles: readonly number[];
}

export interface Placement {
  /** Mahalanobis distance to the training networks' mean. */
  readonly distance: number;
  /** Share of the training networks that are nearer. */
  readonly further: number;
  /** Features beyond what any training network has, with by how many deviations. */
  readonly beyond: readonly { readonly feature: number; readonly value: number; readonly deviations: number }[];
}

/** Added to the covariance, as a share of its mean variance, so that it has an inverse. */
const RIDGE = 1e-4;

/**
 * Mean, covariance, bounds and distances of some networks' features.
 *
 * @param features of each network; equally many
 * @throws {RangeError} when there are fewer than two networks
 */
export function distributionOf(features: readonly (readonly number[])[]): Distribution {
  const count = features.length;
  if (count < 2) throw new RangeError(`distributionOf: features must be of two networks or more, got ${count}`);
  const mean = features[0]!.map((_, k) => features.reduce((sum, own) => sum + own[k]!, 0) / count);
  const covariance = mean.map((a, j) =>
    mean.map((b, k) => features.reduce((sum, own) => sum + (own[j]! - a) * (own[k]! - b), 0) / (count - 1)),
  );
  const variance = covariance.reduce((sum, row, k) => sum + row[k]!, 0) / mean.length;
  const factor = cholesky(covariance.map((row, k) => row.map((c, j) => (j === k ? c + RIDGE * variance + 1e-12 : c))));
  const of = (pick: (...values: number[]) => number) =>
    mean.map((_, k) => features.reduce((most, own) => pick(most, own[k]!), features[0]![k]!));
  const distances = features.map((own) => mahalanobis(mean, factor, own)).sort((a, b) => a - b);
  const quantiles = Array.from({ length: 101 }, (_, q) => distances[Math.round((q / 100) * (count - 1))]!);
  return { mean, factor, low: of(Math.min), high: of(Math.max), quantiles };
}

export function placementOf(
  { mean, factor, low, high, quantiles }: Distribution,
  features: readonly number[],
): Placement {
  const distance = mahalanobis(mean, factor, features);
  const nearer = quantiles.filter((quantile) => quantile < distance).length;
  const beyond = features.flatMap((value, feature) => {
    if (value >= low[feature]! && value <= high[feature]!) return [];
    // The variance of a feature is the squared norm of its row of the factor.
    const deviation = Math.hypot(...factor[feature]!);
    return [{ feature, value, deviations: (value - mean[feature]!) / deviation }];
  });
  return { distance, further: nearer / quantiles.length, beyond };
}

/** √((x − m)ᵀ (L Lᵀ)⁻¹ (x − m)), by forward substitution. */
function mahalanobis(mean: readonly number[], factor: readonly (readonly number[])[], x: readonly number[]): number {
  const z: number[] = [];
  factor.forEach((row, k) => {
    const rest = z.reduce((sum, v, j) => sum + row[j]! * v, 0);
    z.push((x[k]! - mean[k]! - rest) / row[k]!);
  });
  return Math.hypot(...z);
}

/** The lower triangle L with L Lᵀ = A, A being positive definite. */
function cholesky(a: readonly (readonly number[])[]): number[][] {
  const factor: number[][] = [];
  a.forEach((row, j) => {
    const own: number[] = [];
    for (let k = 0; k <= j; k++) {
      const other = k === j ? own : factor[k]!;
      let sum = row[k]!;
      for (let i = 0; i < k; i++) sum -= own[i]! * other[i]!;
      own.push(k === j ? Math.sqrt(sum) : sum / other[k]!);
    }
    factor.push(own);
  });
  return factor;
}
