/** @file Kendall's rank correlation, with ties. */
import { checkPairs } from './check-pairs.ts';

/**
 * Kendall's τ-b: how many more pairs are in the same order in both lists than in opposite ones.
 *
 *     τ = (n0 − n1 − n2 + n3 − 2 s) / √((n0 − n1) (n0 − n2))
 *
 * Letters: n0 pairs, n1 tied in x, n2 tied in y, n3 tied in both, s swaps that sort y once x is sorted. O(n log n).
 *
 * @returns NaN where one of the lists is constant
 * @throws {RangeError} when the lists differ in length, are empty, or hold a value that isn't finite
 * Source: Knight 1966, "A computer method for calculating Kendall's tau with ungrouped data", JASA 61. Departs: nothing.
 */
export function kendallTau(x: ArrayLike<number>, y: ArrayLike<number>): number {
  checkPairs('kendallTau', x, y);
  const count = x.length;
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => x[a]! - x[b]! || y[a]! - y[b]!);
  const [xs, ys] = [x, y].map((values) => Float64Array.from(order, (i) => values[i]!)) as [
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
  ];
  const tiedX = tiedPairs(count, (i) => xs[i] === xs[i - 1]);
  const tiedBoth = tiedPairs(count, (i) => xs[i] === xs[i - 1] && ys[i] === ys[i - 1]);
  const swaps = sortCountingSwaps(ys);
  const tiedY = tiedPairs(count, (i) => ys[i] === ys[i - 1]);
  const pairs = (count * (count - 1)) / 2;
  if (pairs === tiedX || pairs === tiedY) return NaN;
  const score = pairs - tiedX - tiedY + tiedBoth - 2 * swaps;
  const tau = score / Math.sqrt(pairs - tiedX) / Math.sqrt(pairs - tiedY);
  return Math.max(-1, Math.min(1, tau)); // rounding
}

/** Pairs within runs of equal neighbours. */
function tiedPairs(count: number, sameAsBefore: (i: number) => boolean): number {
  let [pairs, run] = [0, 0];
  for (let i = 1; i < count; i++) {
    run = sameAsBefore(i) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** Merge sort in place, from runs of 1 upwards. @returns pairs that were in falling order */
function sortCountingSwaps(values: Float64Array<ArrayBuffer>): number {
  const count = values.length;
  let [from, to] = [values, new Float64Array(count)];
  let swaps = 0;
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const [middle, end] = [Math.min(start + width, count), Math.min(start + 2 * width, count)];
      let [left, right] = [start, middle];
      for (let at = start; at < end; at++) {
        if (right >= end || (left < middle && from[left]! <= from[right]!)) to[at] = from[left++]!;
        else {
          to[at] = from[right++]!;
          swaps += middle - left;
        }
      }
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return swaps;
}
