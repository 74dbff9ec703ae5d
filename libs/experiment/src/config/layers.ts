/** @file The sources of overrides: a configuration of the experiment, a JSON file, and `--set` arguments. */
import { readFileSync } from 'node:fs';

import { ConfigError, UsageError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import { nearest } from './nearest.ts';
import type { Layer } from './resolve-config.ts';

export const configurationLayer = (name: string, values: JsonObject): Layer => ({
  source: () => `configuration ${name}`,
  values,
});

/** @throws {UsageError} when the experiment has no configuration of that name */
export function pickConfiguration(configurations: { readonly [name: string]: JsonObject }, name: string): Layer {
  const values = configurations[name];
  if (values !== undefined) return configurationLayer(name, values);
  const known = Object.keys(configurations);
  const near = nearest(name, known);
  throw new UsageError(
    `--configuration ${name}: must be one of ${known.join(', ')}${near === undefined ? '' : `; did you mean "${near}"?`}`,
  );
}

/** @throws {UsageError} when the file can't be read or holds something other than a JSON object */
export function fileLayer(file: string, shown = file): Layer {
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const problem =
      cause instanceof SyntaxError ? `isn't JSON (${cause.message})` : `can't be read (${(cause as Error).message})`;
    throw new UsageError(`--config ${shown}: the file ${problem}; give a JSON object of settings`, { cause });
  }
  if (!isObject(values)) {
    throw new UsageError(
      `--config ${shown}: the file must hold a JSON object of settings, got ${JSON.stringify(values)?.slice(0, 60)}`,
    );
  }
  return { source: () => `--config ${shown}`, values: values as JsonObject };
}

/**
 * All `--set key.path=value` of a command as one layer; of two for the same key the last one wins.
 *
 * @throws {ConfigError} on one that isn't of this form, or when one sets a group inside which another sets a member
 */
export function setLayer(sets: readonly string[]): Layer {
  const texts = new Map<string, string>();
  const root = emptyNode();
  for (const set of sets) {
    const at = set.indexOf('=');
    const path = set.slice(0, at);
    if (at < 1 || path.split('.').includes('')) {
      throw new ConfigError(`--set ${set}`, path, 'write it as --set key=value, e.g. --set epochs=20');
    }
    texts.set(path, set);
    const keys = path.split('.');
    let node = root;
    for (const key of keys.slice(0, -1)) {
      if (!Object.hasOwn(node, key) || !isObject(node[key])) node[key] = emptyNode();
      node = node[key] as { [key: string]: Json };
    }
    assign(node, keys.at(-1)!, set.slice(at + 1));
  }
  return { source: (path) => `--set ${textFor(texts, path)}`, values: root, text: true };
}

/** A JSON object sets several members at once; anything else stays text until the default's type is known. */
function assign(node: { [key: string]: Json }, key: string, text: string): void {
  if (text.trimStart().startsWith('{')) {
    try {
      const group = JSON.parse(text) as Json;
      node[key] = isObject(node[key]) && isObject(group) ? { ...node[key], ...group } : group;
      return;
    } catch {
      // Not JSON after all: kept as text, which is refused unless the setting is a text.
    }
  }
  node[key] = text;
}

/** Without a prototype, so that `--set __proto__.x=1` is a setting like any other: an unknown one. */
const emptyNode = (): { [key: string]: Json } => Object.create(null) as { [key: string]: Json };

function textFor(texts: ReadonlyMap<string, string>, path: string): string {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const text = texts.get(at);
    if (text !== undefined) return text;
  }
  const inside = [...texts.keys()].find((key) => key.startsWith(`${path}.`));
  return inside === undefined ? path : texts.get(inside)!;
}
