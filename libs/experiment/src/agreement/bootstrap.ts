/** @file How much a number would differ on another sample: the percentile bootstrap over groups of rows. */
import type { RandomStream } from '@weightspace/compute';

/** A number and what it would lie between on other samples of the same kind. */
export interface Estimate {
  readonly value: number;
  /** Bounds of the interval; NaN where there are fewer than two groups. */
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** What each row belongs to; whole groups are drawn, since rows of one depend on each other. */
  readonly groups: ArrayLike<number>;
  readonly stream: RandomStream;
  /** How many samples are drawn; 1,000 unless said otherwise. */
  readonly samples?: number;
  /** Share of them between the bounds; 0.95 unless said otherwise. */
  readonly share?: number;
}

/**
 * Statistics of rows with percentile intervals: groups are drawn with replacement, as many as there are, each with all its
 * rows; the bounds are quantiles of the statistic on such samples. All statistics see the same samples, so that the
 * interval of a difference between two predictors may be one of them. A sample on which a statistic is NaN (all values
 * equal) is left out for it.
 *
 * @param statistics of rows, by name; a sample may hold a row several times
 * @throws {RangeError} when there are no rows, or a number is not possible
 * Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3; of groups: Davison and Hinkley 1997,
 * section 3.8. Departs: nothing.
 */
export function bootstrapIntervals<Name extends string>(
  statistics: { readonly [name in Name]: (rows: Int32Array) => number },
  { groups, stream, samples = 1000, share = 0.95 }: BootstrapOptions,
): { readonly [name in Name]: Estimate } {
  if (groups.length === 0) throw new RangeError('bootstrapIntervals: groups must not be empty, got []');
  if (!(Number.isInteger(samples) && samples >= 1))
    throw new RangeError(`bootstrapIntervals: samples must be a whole number above 0, got ${samples}`);
  if (!(share > 0 && share < 1)) throw new RangeError(`bootstrapIntervals: share must be within 0 and 1, got ${share}`);
  const members = membersOf(groups);
  const names = Object.keys(statistics) as Name[];
  const found = new Map(names.map((name) => [name, [] as number[]]));
  for (let s = 0; members.length > 1 && s < samples; s++) {
    const rows = drawGroups(members, stream.split(s));
    for (const name of names) found.get(name)!.push(statistics[name](rows));
  }
  const all = Int32Array.from({ length: groups.length }, (_, i) => i);
  const estimates = names.map((name) => {
    const sorted = found
      .get(name)!
      .filter((value) => !Number.isNaN(value))
      .sort((a, b) => a - b);
    const [low, high] = [(1 - share) / 2, (1 + share) / 2].map((at) => quantile(sorted, at));
    return [name, { value: statistics[name](all), low, high }];
  });
  return Object.fromEntries(estimates) as { [name in Name]: Estimate };
}

/** Rows of each group, in the order in which groups first appear. */
function membersOf(groups: ArrayLike<number>): Int32Array[] {
  const members = new Map<number, number[]>();
  for (let row = 0; row < groups.length; row++) {
    const known = members.get(groups[row]!);
    if (known) known.push(row);
    else members.set(groups[row]!, [row]);
  }
  return [...members.values()].map((rows) => Int32Array.from(rows));
}

function drawGroups(members: readonly Int32Array[], stream: RandomStream): Int32Array {
  const drawn = members.map(() => members[stream.integer(members.length)]!);
  const rows = new Int32Array(drawn.reduce((sum, own) => sum + own.length, 0));
  let at = 0;
  for (const own of drawn) {
    rows.set(own, at);
    at += own.length;
  }
  return rows;
}

/** Interpolated linearly between neighbours; NaN of nothing. */
function quantile(sorted: readonly number[], at: number): number {
  if (sorted.length === 0) return NaN;
  const place = at * (sorted.length - 1);
  const below = Math.floor(place);
  const next = sorted[below + 1] ?? sorted[below]!;
  return sorted[below]! + (place - below) * (next - sorted[below]!);
}
