/** @file JSON as Python writes it, with NaN and Infinity, which become null. */
import { quoted, refusal } from './refuse.ts';

export type Fields = { readonly [key: string]: unknown };

/** @throws {ZooError} unless the text is an object */
export function parseFields(text: string, file: string, at?: string): Fields {
  const place = at === undefined ? {} : { at };
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/([:[,]\s*)-?(?:NaN|Infinity)(?=\s*[,\]}])/g, '$1null'));
  } catch (cause) {
    throw refusal({ file, ...place, expected: 'JSON', found: cause instanceof Error ? cause.message : String(cause) });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw refusal({ file, ...place, expected: 'a JSON object', found: quoted(text.slice(0, 40)) });
}

/** A number of an object; NaN where it is null or absent. @throws {ZooError} when it is something else */
export function numberOf(fields: Fields, key: string, file: string, at?: string): number {
  const value = fields[key] ?? null;
  if (value === null) return NaN;
  if (typeof value === 'number') return value;
  const place = at === undefined ? key : `${at}, ${key}`;
  throw refusal({ file, at: place, expected: 'a number', found: quoted(JSON.stringify(value)) });
}
