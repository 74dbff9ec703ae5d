/** @file From an experiment and the options of a command to the resolved config. */
import { resolve } from 'node:path';

import { fileLayer, pickConfiguration, setLayer } from '../config/layers.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { ConfigSchema, Layer } from '../config/resolve-config.ts';
import { UsageError } from '../errors.ts';
import type { Config, Experiment } from '../experiment.ts';
import type { JsonObject } from '../json.ts';
import type { Options } from './options.ts';

/** The experiment's config and rules, with the seed that every experiment has. */
export function schemaOf({ config, variants, rules }: Experiment): ConfigSchema {
  const seedRule = { integer: true, min: 0, max: Number.MAX_SAFE_INTEGER };
  const schema = { defaults: { seed: 0, ...config }, rules: { seed: seedRule, ...rules } };
  return variants === undefined ? schema : { ...schema, variants };
}

/** `quick` where there is one, otherwise the first. */
export function defaultConfiguration(experiment: Experiment): string | undefined {
  const names = Object.keys(experiment.configurations ?? {});
  return names.includes('quick') ? 'quick' : names[0];
}

/** Defaults, then the configuration, the file, and --set with --seed. @throws {UsageError} */
export function settingsOf(experiment: Experiment, options: Options, cwd: string): JsonObject {
  const layers: Layer[] = [];
  const configuration = options.configuration ?? defaultConfiguration(experiment);
  if (configuration !== undefined) {
    layers.push(pickConfiguration((experiment.configurations ?? {}) as Record<string, JsonObject>, configuration));
  }
  if (options.config !== undefined) layers.push(fileLayer(resolve(cwd, options.config), options.config));
  const sets = options.seed === undefined ? options.set : [...options.set, `seed=${options.seed}`];
  layers.push(setLayer(sets));
  return checked(experiment, resolveConfig(schemaOf(experiment), layers));
}

/** The settings that a run was started with, checked against what the experiment knows today. @throws {UsageError} */
export function storedSettings(experiment: Experiment, values: JsonObject, file: string): JsonObject {
  return checked(experiment, resolveConfig(schemaOf(experiment), [{ source: () => file, values }]));
}

function checked(experiment: Experiment, config: JsonObject): JsonObject {
  const problem = experiment.check?.(config as Config<JsonObject>);
  if (problem !== undefined) throw new UsageError(problem);
  return config;
}
