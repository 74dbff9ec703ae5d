/** @file Rows divided by what a column of the zoo says of them. */
import { shownValue, UNKNOWN } from '../zoo/columns.ts';
import type { Column } from '../zoo/columns.ts';

/** A column of numbers with more different values than this is cut into ranges. */
const MOST_VALUES = 8;
const RANGES = 4;

/** Rows that share a value, or a range of values. */
export interface ColumnPart {
  /** The value, or `least to greatest` of those that occur. */
  readonly name: string;
  /** Positions in the list that was divided, in its order. */
  readonly at: readonly number[];
}

/**
 * Divides rows by a column: a part for each name, or for each number where there are at most 8; otherwise quarters of the rows by
 * quantiles. Equal values are in one part, so that parts may be unequal, and fewer. Rows whose number is NaN come last, as `?`.
 *
 * @param rows of the zoo
 * @returns parts in rising order, none of them empty
 */
export function partsByColumn(column: Column, rows: ArrayLike<number>): ColumnPart[] {
  const values = Array.from(rows, (row) => column.values[row]!);
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const different = [...new Set(sorted)];
  const isCut = column.names === undefined && different.length > MOST_VALUES;
  const starts = isCut ? quantilesOf(sorted) : different;
  const parts = starts.map((from, i) => {
    const to = starts[i + 1];
    return [...values.keys()].filter((at) => values[at]! >= from && (to === undefined || values[at]! < to));
  });
  const shown = (at: number) => shownValue(column, rows[at]!);
  const nameOf = (at: readonly number[]): string => {
    const ends = [...at].sort((a, b) => values[a]! - values[b]!);
    const [least, greatest] = [shown(ends[0]!), shown(ends.at(-1)!)];
    return least === greatest ? least : `${least} to ${greatest}`;
  };
  const unknown = [...values.keys()].filter((at) => Number.isNaN(values[at]!));
  return [
    ...parts.map((at) => ({ name: nameOf(at), at })),
    ...(unknown.length > 0 ? [{ name: UNKNOWN, at: unknown }] : []),
  ];
}

/** Where ranges begin, so that each has about as many of the values. */
const quantilesOf = (sorted: readonly number[]): number[] => [
  ...new Set(Array.from({ length: RANGES }, (_, i) => sorted[Math.floor((i * sorted.length) / RANGES)]!)),
];
