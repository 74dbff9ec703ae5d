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
