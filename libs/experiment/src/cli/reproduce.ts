/** @file The shortest command that gives a run again. */
import { configurationLayer } from '../config/layers.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { Experiment } from '../experiment.ts';
import { flattenPaths, sameJson } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import { defaultConfiguration, schemaOf } from './settings.ts';

/** Settings as they are when a command gives none. */
export function defaultSettings(experiment: Experiment): JsonObject {
  const name = defaultConfiguration(experiment);
  return configured(experiment, name);
}

const configured = (experiment: Experiment, name: string | undefined): JsonObject => {
  const values = name === undefined ? undefined : experiment.configurations?.[name];
  return resolveConfig(
    schemaOf(experiment),
    values === undefined ? [] : [configurationLayer(name!, values as JsonObject)],
  );
};

/** With the configuration that needs the fewest --set beside it. */
export function reproduceCommand(experiment: Experiment, config: JsonObject, device: string, command: string): string {
  const wanted = flattenPaths(config);
  const usual = defaultConfiguration(experiment);
  const names =
    usual === undefined
      ? [undefined]
      : [usual, ...Object.keys(experiment.configurations!).filter((name) => name !== usual)];
  const candidates = names.map((name) => {
    const base = flattenPaths(configured(experiment, name));
    const sets = Object.entries(wanted).filter(
      ([path, value]) => !Object.hasOwn(base, path) || !sameJson(base[path]!, value),
    );
    return [
      ...(name === usual ? [] : [`--configuration ${name}`]),
      ...sets.map(([path, value]) => `--set ${quoted(`${path}=${asText(value)}`)}`),
    ];
  });
  const best = candidates.reduce((a, b) => (b.length < a.length ? b : a));
  return [command, ...best, ...(device === 'cpu' ? [] : [`--device ${device}`])].join(' ');
}

const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A word for the shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
