/** @file Spearman's rank correlation, with ties. */
import { checkPairs } from './check-pairs.ts';

/**
 * Spearman's ρ: the correlation of the ranks, where equal values share the mean of theirs.
 *
 * @returns NaN where one of the lists is constant
 * @throws {RangeError} when the lists differ in length, are empty, or hold a value that isn't finite
 * Source: Spearman 1904, "The proof and measurement of association between two things". Departs: nothing.
 */
export function spearmanRho(x: ArrayLike<number>, y: ArrayLike<number>): number {
  checkPairs('spearmanRho', x, y);
  const [a, b] = [averageRanks(x), averageRanks(y)];
  const mean = (x.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [u, v] = [a[i]! - mean, b[i]! - mean];
    xy += u * v;
    xx += u * u;
    yy += v * v;
  }
  return xx === 0 || yy === 0 ? NaN : xy / Math.sqrt(xx) / Math.sqrt(yy);
}

/** Ranks from 1; equal values have the mean of the ranks that they take up together. */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}
