/** @file Values that go into files and MLflow unchanged. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Freezes a value and all that it holds. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/** Every leaf by its dot path, in the order of the object: `{ a: { b: 1 } }` gives `{ 'a.b': 1 }`; lists are leaves. */
export function flattenPaths(value: JsonObject, prefix = ''): Record<string, Json> {
  const out: Record<string, Json> = {};
  for (const [key, inner] of Object.entries(value)) {
    const path = prefix + key;
    if (isObject(inner) && Object.keys(inner).length > 0) Object.assign(out, flattenPaths(inner, `${path}.`));
    else out[path] = inner;
  }
  return out;
}

/** Whether two values are the same JSON; the order of keys doesn't matter. */
export function sameJson(a: Json, b: Json): boolean {
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key]!, b[key]!))
    );
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, at) => sameJson(value as Json, b[at] as Json));
  }
  return Object.is(a, b);
}

const SPECIAL = '$number';

/**
 * JSON text that keeps NaN, infinities and −0, which plain JSON changes; `parseExact` reads it.
 *
 * @throws {TypeError} on what has no JSON form, such as undefined within a list, a function or a typed array
 */
export function stringifyExact(value: unknown): string {
  return JSON.stringify(encode(value, ''));
}

function encode(value: unknown, path: string): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { [SPECIAL]: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map((inner, at) => encode(inner, `${path}[${at}]`));
  const plain = typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object);
  if (!plain) {
    const got = typeof value === 'object' ? (value?.constructor.name ?? 'null') : typeof value;
    throw new TypeError(
      `stringifyExact: value must be plain JSON, got ${got} at ${path || 'the top'}; put arrays into "arrays"`,
    );
  }
  const entries = Object.entries(value as object).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, encode(inner, path === '' ? key : `${path}.${key}`)]));
}

export function parseExact(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) =>
    isObject(value) && typeof value[SPECIAL] === 'string' ? Number(value[SPECIAL]) : value,
  );
}
