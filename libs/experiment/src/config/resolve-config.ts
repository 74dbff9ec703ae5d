/** @file From defaults to the frozen config of a run: configuration, file and --set, each checked. */
import { ConfigError } from '../errors.ts';
import { deepFreeze, flattenPaths, isObject } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import { nearest } from './nearest.ts';
import { checkRule, checkType, parseValue, show, typeName } from './values.ts';
import type { Place, Rules } from './values.ts';

/** By the dot path of a selecting setting such as `model.kind`: the default settings that each of its values brings along. */
export interface Variants {
  readonly [selector: string]: { readonly [value: string]: JsonObject };
}

export interface ConfigSchema {
  readonly defaults: JsonObject;
  readonly variants?: Variants;
  readonly rules?: Rules;
}

/** One source of overrides: a configuration, a file, or all `--set` of a command. Later layers win. */
export interface Layer {
  /** Where a wrong setting of this layer was given, for its error. */
  readonly source: (path: string) => string;
  readonly values: JsonObject;
  /** Values are text from a command line, to be parsed as the default's type. */
  readonly text?: boolean;
}

type Node = { [key: string]: Json };

/**
 * Applies layers of overrides to the defaults.
 *
 * Where a layer changes a selector (`model.kind`), the settings next to it become those of the new kind, and what earlier
 * layers had set for the old kind goes; within one layer, order doesn't matter.
 * @returns the resolved config, frozen
 * @throws {ConfigError} on an unknown setting, a wrong type, or a value that the rules don't allow
 */
export function resolveConfig(schema: ConfigSchema, layers: readonly Layer[]): JsonObject {
  const variants = Object.entries(schema.variants ?? {}).sort(([a], [b]) => a.split('.').length - b.split('.').length);
  const state = structuredClone(schema.defaults) as Node;
  const types = structuredClone(schema.defaults) as Node;
  const common = new Map<string, JsonObject>();
  for (const [selector, table] of variants) startVariant(selector, table, state, types, common);
  for (const layer of layers) {
    for (const [selector, table] of variants) switchVariant(selector, table, layer, state, types, common);
    merge(state, types, layer.values, layer, '', (path) => ownersOf(path, schema, state));
  }
  checkRules(schema, layers, state);
  return deepFreeze(state);
}

/** Puts the default kind's settings in; those that the defaults themselves change for it win. */
function startVariant(
  selector: string,
  table: Variants[string],
  state: Node,
  types: Node,
  common: Map<string, JsonObject>,
): void {
  const [parent, key] = splitPath(selector);
  const node = lookUp(state, parent);
  const kind = isObject(node) ? node[key] : undefined;
  if (!isObject(node) || typeof kind !== 'string') {
    throw new Error(`defineExperiment: variants must be keyed by a text setting of the config, got "${selector}"`);
  }
  const own = table[kind];
  if (own === undefined) throw new ConfigError('defineExperiment', selector, unknownKind(selector, kind, table));
  common.set(selector, Object.fromEntries(Object.entries(node).filter(([name]) => !Object.hasOwn(own, name))));
  replaceAt(state, parent, { ...common.get(selector)!, ...structuredClone(own), ...node } as Node);
  replaceAt(types, parent, { ...common.get(selector)!, ...structuredClone(own) } as Node);
}

function switchVariant(
  selector: string,
  table: Variants[string],
  layer: Layer,
  state: Node,
  types: Node,
  common: Map<string, JsonObject>,
): void {
  const wanted = lookUp(layer.values, selector);
  const [parent, key] = splitPath(selector);
  const now = lookUp(state, parent);
  if (wanted === undefined || !isObject(now) || now[key] === wanted) return;
  const place = { source: layer.source(selector), path: selector };
  checkType(place, wanted, '');
  const own = table[wanted as string];
  if (own === undefined) throw new ConfigError(place.source, selector, unknownKind(selector, wanted as string, table));
  const shared = Object.keys(common.get(selector)!).filter((name) => name !== key && Object.hasOwn(now, name));
  const kept = Object.fromEntries(shared.map((name) => [name, now[name]!]));
  replaceAt(state, parent, structuredClone({ [key]: wanted, ...kept, ...own }) as Node);
  replaceAt(types, parent, structuredClone({ ...common.get(selector)!, [key]: wanted, ...own }) as Node);
}

const unknownKind = (selector: string, kind: string, table: Variants[string]): string => {
  const near = nearest(kind, Object.keys(table));
  const hint = near === undefined ? '' : `; did you mean "${near}"?`;
  return `"${selector}" must be one of ${Object.keys(table).join(', ')}, got ${show(kind)}${hint}`;
};

type Hint = (path: string) => string;

function merge(state: Node, types: JsonObject, values: JsonObject, layer: Layer, prefix: string, hint: Hint): void {
  for (const [key, value] of Object.entries(values)) {
    const path = prefix + key;
    const place: Place = { source: layer.source(path), path };
    if (!Object.hasOwn(types, key))
      throw new ConfigError(place.source, path, unknown(path, key, prefix, types) + hint(path));
    const type = types[key]!;
    if (isGroup(type)) {
      if (!isObject(value)) {
        const inside = Object.keys(type).map((name) => `${path}.${name}`);
        throw new ConfigError(
          place.source,
          path,
          `"${path}" is a group of settings, got ${show(value)}; set one of ${inside.join(', ')}`,
        );
      }
      merge(state[key] as Node, type, value, layer, `${path}.`, hint);
      continue;
    }
    if (isObject(value) && !isObject(type) && type !== null && layer.text === true) {
      const inner = Object.keys(value)[0]!;
      throw new ConfigError(
        layer.source(`${path}.${inner}`),
        path,
        `"${path}" is ${typeName(type)} (default ${show(type)}) and has no "${inner}"`,
      );
    }
    const parsed = layer.text === true ? parseText(place, value, type) : value;
    checkType(place, parsed, type);
    state[key] = parsed;
  }
}

/** Names the variants that do have a setting which the chosen one lacks. */
function ownersOf(path: string, { variants = {} }: ConfigSchema, state: JsonObject): string {
  for (const [selector, table] of Object.entries(variants)) {
    const [parent] = splitPath(selector);
    const inside = parent === '' ? path : path.startsWith(`${parent}.`) ? path.slice(parent.length + 1) : undefined;
    const kinds = Object.keys(table).filter(
      (kind) => inside !== undefined && lookUp(table[kind]!, inside) !== undefined,
    );
    if (kinds.length > 0)
      return `; "${path}" belongs to ${selector}=${kinds.join(' or ')}, and ${selector} is ${show(lookUp(state, selector))}`;
  }
  return '';
}

const parseText = (place: Place, value: Json, type: Json): Json => {
  if (typeof value === 'string') return parseValue(place, value, isObject(type) ? null : type);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, parseText(place, inner, null)]));
};

/** An empty object as default is a leaf that takes any object. */
const isGroup = (type: Json): type is JsonObject => isObject(type) && Object.keys(type).length > 0;

function unknown(path: string, key: string, prefix: string, types: JsonObject): string {
  const known = Object.keys(types);
  const near = nearest(key, known);
  const elsewhere = Object.keys(flattenPaths(types)).filter((name) => name.split('.').at(-1) === key);
  const meant = near !== undefined ? prefix + near : elsewhere.length === 1 ? prefix + elsewhere[0]! : undefined;
  const where = prefix === '' ? 'known' : `known under "${prefix.slice(0, -1)}"`;
  return `no setting "${path}"${meant === undefined ? '' : `, did you mean "${meant}"?`}; ${where}: ${known.join(', ')}`;
}

function checkRules({ rules = {} }: ConfigSchema, layers: readonly Layer[], state: Node): void {
  for (const [path, rule] of Object.entries(rules)) {
    const value = lookUp(state, path);
    if (value === undefined) continue;
    const layer = layers.findLast(({ values }) => lookUp(values, path) !== undefined);
    checkRule({ source: layer?.source(path) ?? 'default config', path }, value, rule);
  }
}

const splitPath = (path: string): [string, string] => {
  const at = path.lastIndexOf('.');
  return at < 0 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
};

/** The value at a dot path, or undefined. */
export function lookUp(value: Json, path: string): Json | undefined {
  if (path === '') return value;
  let node: Json | undefined = value;
  for (const key of path.split('.')) {
    if (!isObject(node) || !Object.hasOwn(node, key)) return undefined;
    node = node[key];
  }
  return node;
}

function replaceAt(root: Node, path: string, value: Node): void {
  if (path === '') {
    for (const key of Object.keys(root)) delete root[key];
    Object.assign(root, value);
    return;
  }
  const [parent, key] = splitPath(path);
  (lookUp(root, parent) as Node)[key] = value;
}
