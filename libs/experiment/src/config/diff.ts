/** @file How two configs differ, to show a person. */
import { flattenPaths, sameJson } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { show } from './values.ts';

/** One line per setting that differs, such as `epochs: 20 there, 30 here`; empty when the configs are the same. */
export function configDiff(there: JsonObject, here: JsonObject, names = ['there', 'here']): string[] {
  const [a, b] = [flattenPaths(there), flattenPaths(here)];
  const paths = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const value = (side: typeof a, path: string) => (Object.hasOwn(side, path) ? show(side[path]) : 'not set');
  return paths
    .filter((path) => !(Object.hasOwn(a, path) && Object.hasOwn(b, path) && sameJson(a[path]!, b[path]!)))
    .map((path) => `${path}: ${value(a, path)} ${names[0]}, ${value(b, path)} ${names[1]}`);
}
