/** @file What is known of each row of a zoo: numbers, or numbers that stand for names. */
import { UsageError } from '@weightspace/experiment';

export interface Column {
  readonly name: string;
  readonly values: Float64Array;
  /** What 0, 1, … stand for; undefined where the values are numbers. */
  readonly names: readonly string[] | undefined;
}

export type Columns = ReadonlyMap<string, Column>;

/** @throws {UsageError} when there is no such column, listing those that there are */
export function columnOf(columns: Columns, name: string, wanted = 'column'): Column {
  const found = columns.get(name);
  if (found) return found;
  throw new UsageError(`${wanted}: must be of ${[...columns.keys()].join(', ')}, got '${name}'`);
}

/** A column of names from one for each row. */
export function namedColumn(name: string, texts: readonly string[]): Column {
  const names = [...new Set(texts)].sort();
  const codes = new Map(names.map((text, code) => [text, code]));
  return { name, values: Float64Array.from(texts, (text) => codes.get(text)!), names };
}

/** One column of two zoos' rows; names are matched. */
export function joinColumns(a: Column, b: Column): Column {
  if ((a.names === undefined) !== (b.names === undefined))
    throw new UsageError(`${a.name}: must be numbers in all zoos or names in all, got both; leave one zoo out`);
  if (a.names && b.names) {
    const texts = [a, b].flatMap(({ values, names }) => Array.from(values, (code) => names![code] ?? UNKNOWN));
    return namedColumn(a.name, texts);
  }
  const values = new Float64Array(a.values.length + b.values.length);
  values.set(a.values);
  values.set(b.values, a.values.length);
  return { name: a.name, values, names: undefined };
}

export const UNKNOWN = '?';

/** A row's value as text. */
export const shownValue = ({ values, names }: Column, row: number): string =>
  names ? (names[values[row]!] ?? UNKNOWN) : String(Number(values[row]!.toPrecision(4)));
