/** @file The shortest command that gives a run again. */
import { configurationLayer, setLayer } from '../config/layers.ts';
import { lookUp, resolveConfig } from '../config/resolve-config.ts';
import type { Experiment } from '../experiment.ts';
import { flattenPaths, sameJson } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import { defaultConfiguration, schemaOf } from './settings.ts';

/** Settings as they are when a command gives none. */
export function defaultSettings(experiment: Experiment): JsonObject {
  const name = defaultConfiguration(experiment);
  return configured(experiment, name);
}

const configured = (experiment: Experiment, name: string | undefined, sets: readonly string[] = []): JsonObject => {
  const values = name === undefined ? undefined : experiment.configurations?.[name];
  const layers = values === undefined ? [] : [configurationLayer(name!, values as JsonObject)];
  return resolveConfig(schemaOf(experiment), [...layers, setLayer(sets)]);
};

/** With the configuration that needs the fewest --set beside it. */
export function reproduceCommand(experiment: Experiment, config: JsonObject, device: string, command: string): string {
  const usual = defaultConfiguration(experiment);
  const others = Object.keys(experiment.configurations ?? {}).filter((name) => name !== usual);
  const candidates = [usual, ...others].map((name) => ({ name, sets: setsFor(experiment, config, name) }));
  const best = candidates.reduce((a, b) => (b.sets.length < a.sets.length ? b : a));
  const configuration = best.name === usual ? [] : [`--configuration ${best.name}`];
  const sets = best.sets.map((text) => `--set ${quoted(text)}`);
  return [command, ...configuration, ...sets, ...(device === 'cpu' ? [] : [`--device ${device}`])].join(' ');
}

/** What has to be set beside a configuration: first the selectors of variants, then what differs from theirs. */
function setsFor(experiment: Experiment, config: JsonObject, configuration: string | undefined): string[] {
  const base = configured(experiment, configuration);
  const selectors = Object.keys(experiment.variants ?? {})
    .filter((path) => lookUp(config, path) !== undefined && lookUp(config, path) !== lookUp(base, path))
    .map((path) => `${path}=${String(lookUp(config, path))}`);
  const known = flattenPaths(configured(experiment, configuration, selectors));
  const sets = Object.entries(flattenPaths(config))
    .filter(([path, value]) => !Object.hasOwn(known, path) || !sameJson(known[path]!, value))
    .map(([path, value]) => `${path}=${asText(value)}`);
  return [...selectors, ...sets];
}

const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A word for the shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
