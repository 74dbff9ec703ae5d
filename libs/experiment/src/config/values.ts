/** @file What a setting accepts: the type of its default, and what the experiment adds. */
import { ConfigError } from '../errors.ts';
import type { Json } from '../json.ts';
import { nearest } from './nearest.ts';

/** Bounds of a number, both inclusive. */
export interface Limits {
  readonly integer?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** By dot path: the values that a setting may take, or the bounds of a number. */
export interface Rules {
  readonly [path: string]: readonly Json[] | Limits;
}

export interface Place {
  readonly source: string;
  readonly path: string;
}

export const show = (value: unknown): string => JSON.stringify(value) ?? String(value);

export const typeName = (value: unknown): string =>
  Array.isArray(value)
    ? 'a list'
    : value === null
      ? 'null'
      : typeof value === 'object'
        ? 'a group of settings'
        : `a ${typeof value}`;

/**
 * Checks a value against the default that it replaces.
 *
 * A default of null stands for "not set" and accepts anything; a list's members have the type of its first one.
 * @throws {ConfigError} when the types differ
 */
export function checkType({ source, path }: Place, value: Json, schema: Json): void {
  if (schema === null) return;
  const same = typeof value === typeof schema && Array.isArray(value) === Array.isArray(schema) && value !== null;
  if (!same) {
    throw new ConfigError(
      source,
      path,
      `"${path}" is ${typeName(schema)} (default ${show(schema)}), got ${show(value)}`,
    );
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new ConfigError(source, path, `"${path}" must be a finite number, got ${String(value)}`);
  }
  const first = Array.isArray(schema) ? (schema[0] as Json | undefined) : undefined;
  if (first === undefined || first === null) return;
  for (const [at, member] of (value as readonly Json[]).entries()) {
    if (typeof member !== typeof first || Array.isArray(member) !== Array.isArray(first)) {
      throw new ConfigError(
        source,
        path,
        `"${path}[${at}]" is ${typeName(first)} (default list ${show(schema)}), got ${show(member)}`,
      );
    }
  }
}

/** @throws {ConfigError} when the experiment's rules don't allow the value */
export function checkRule({ source, path }: Place, value: Json, rule: readonly Json[] | Limits | undefined): void {
  if (rule === undefined || value === null) return;
  if (isChoices(rule)) {
    if (rule.includes(value)) return;
    const near = typeof value === 'string' ? nearest(value, rule.map(String)) : undefined;
    const hint = near === undefined ? '' : `; did you mean ${show(near)}?`;
    throw new ConfigError(
      source,
      path,
      `"${path}" must be one of ${rule.map(show).join(', ')}, got ${show(value)}${hint}`,
    );
  }
  const wants = [
    rule.integer === true ? 'a whole number' : 'a number',
    rule.min === undefined ? '' : `at least ${rule.min}`,
    rule.max === undefined ? '' : `at most ${rule.max}`,
  ].filter(Boolean);
  const fits =
    typeof value === 'number' &&
    (rule.integer !== true || Number.isInteger(value)) &&
    value >= (rule.min ?? -Infinity) &&
    value <= (rule.max ?? Infinity);
  if (!fits) throw new ConfigError(source, path, `"${path}" must be ${wants.join(', ')}, got ${show(value)}`);
}

const isChoices = (rule: readonly Json[] | Limits): rule is readonly Json[] => Array.isArray(rule);

const isListOfTexts = (schema: Json): boolean =>
  Array.isArray(schema) && (schema.length === 0 || typeof schema[0] === 'string');

/**
 * The value that a text on the command line stands for: itself where the default is a string, else JSON.
 *
 * Where the default is null, text that isn't JSON is a string. Lists of texts need no quotes, which Nx takes out of what it
 * passes on: `a,b` and `[a,b]` are `["a","b"]`.
 * @throws {ConfigError} when the text isn't JSON
 */
export function parseValue(place: Place, text: string, schema: Json): Json {
  if (typeof schema === 'string') return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    if (schema === null) return text;
    const names = isListOfTexts(schema) ? /^(?:\[([^[\]{}"]+)\]|([^[\]{}"]*))$/.exec(text) : null;
    if (names) return (names[1] ?? names[2]!).split(',').map((name) => name.trim());
    const hint = Array.isArray(schema) ? '; write a list as JSON, e.g. [1,2]' : '';
    const { source, path } = place;
    throw new ConfigError(
      source,
      path,
      `"${path}" is ${typeName(schema)} (default ${show(schema)}), got ${show(text)}${hint}`,
    );
  }
}
