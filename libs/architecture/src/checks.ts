/** @file Checks of JSON that came from a file or a caller. Each returns its value with its type. */
import { ArchitectureError } from './architecture-error.ts';

const fn = 'defineArchitecture';

/** A part of a description and where it stands. */
export type Fields = { readonly [key: string]: unknown };

export function record(place: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new ArchitectureError(fn, place, 'a record', value);
}

export function list(place: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new ArchitectureError(fn, place, 'a list that is not empty', value);
}

/** Names become parts of parameter names and of paths in files, so they hold neither '.' nor '/'. */
export function identifier(place: string, value: unknown): string {
  if (typeof value === 'string' && /^[\w-]+$/.test(value)) return value;
  throw new ArchitectureError(fn, place, "a name of letters, digits, '_' and '-'", value);
}

export function text(place: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ArchitectureError(fn, place, 'a text that is not empty', value);
}

export function wholeNumber(place: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw new ArchitectureError(fn, place, 'a whole number ≥ 1', value);
}

export function finite(place: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ArchitectureError(fn, place, 'a finite number', value);
}

export function flag(place: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ArchitectureError(fn, place, 'true or false', value);
}

export function knownKeys(place: string, fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new ArchitectureError(fn, place, `a record with no other keys than ${known.join(', ')}`, unknown);
}

export function wholeNumbers(place: string, value: unknown): readonly number[] {
  if (!Array.isArray(value)) throw new ArchitectureError(fn, place, 'a list of whole numbers ≥ 1', value);
  return value.map((item, i) => wholeNumber(`${place}[${i}]`, item));
}

export function choice<T extends string>(place: string, value: unknown, options: readonly T[]): T {
  const found = options.find((option) => option === value);
  if (found !== undefined) return found;
  throw new ArchitectureError(fn, place, `one of ${options.join(', ')}`, value);
}

export function positive(place: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new ArchitectureError(fn, place, 'a number above 0', value);
}

/** One whole number for each of several axes; a single one stands for all of them. */
export function perAxis(place: string, value: unknown, axes: number, least: 0 | 1): readonly number[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : Array<unknown>(axes).fill(value);
  const fits = (item: unknown) => typeof item === 'number' && Number.isSafeInteger(item) && item >= least;
  if (values.length === axes && values.every(fits)) return values as readonly number[];
  const expected = `a whole number ≥ ${least}${axes === 1 ? '' : `, or ${axes} of them`}`;
  throw new ArchitectureError(fn, place, expected, value);
}
