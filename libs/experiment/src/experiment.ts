/** @file The value that an experiment is. */
import type { Variants } from './config/resolve-config.ts';
import type { Rules } from './config/values.ts';
import type { Json, JsonObject } from './json.ts';
import type { RunContext } from './run/run-context.ts';

/** The same keys with `64` widened to `number`, so that an override may set another value. */
export type Widened<T> = T extends number
  ? number
  : T extends string
    ? string
    : T extends boolean
      ? boolean
      : T extends null
        ? Json
        : T extends readonly (infer U)[]
          ? readonly Widened<U>[]
          : { readonly [K in keyof T]: Widened<T[K]> };

/** Some of the settings, at any depth; groups may hold more keys than the defaults, which a variant brings along. */
export type Overrides<T> = {
  readonly [K in keyof T]?: T[K] extends JsonObject ? Overrides<T[K]> & JsonObject : Widened<T[K]>;
};

export interface Experiment<C extends JsonObject = JsonObject> {
  /** Kebab-case; the first part of every run's id. */
  readonly name: string;
  /** What the run is meant to show, and which result would refute it. */
  readonly claim: string;
  /** Every setting with its default; plain JSON. `seed` (default 0) is there in any case. */
  readonly config: C;
  /** Named sets of overrides; `quick` is the default one where there is one, otherwise the first. */
  readonly configurations?: { readonly [name: string]: Overrides<C> };
  /** Settings that come with the value of another: `{ 'model.kind': { 'nfn-np': { width: 64 }, mlp: { layers: 2 } } }`. */
  readonly variants?: Variants;
  /** Allowed values and bounds by dot path: `{ optimizer: ['adam', 'sgd'], epochs: { integer: true, min: 1 } }`. */
  readonly rules?: Rules;
  /** One line per setting, by dot path, for `--help`. */
  readonly descriptions?: { readonly [path: string]: string };
  /** Checks across settings; throws a UsageError, or returns what is wrong. */
  readonly check?: (config: Config<C>) => string | undefined;
  /** Every random draw comes from `context.seed`. */
  readonly run: (context: RunContext<C>) => Promise<RunResult>;
}

/** The resolved settings of a run: frozen, and always with a seed. */
export type Config<C extends JsonObject> = Widened<C> & { readonly seed: number };

export interface RunResult {
  /** By MLflow name: `test/accuracy`, `train/loss`, …. */
  readonly metrics: { readonly [name: string]: number };
  /** The same metrics of models that this one is to be compared with, by model. */
  readonly baselines?: { readonly [model: string]: { readonly [name: string]: number } };
}

/**
 * Infers the config's type, so that `run` can't misspell a key.
 *
 * @throws {RangeError} when the name isn't kebab-case or the config isn't plain JSON
 */
export function defineExperiment<const C extends JsonObject>(experiment: Experiment<C>): Experiment<C> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(experiment.name)) {
    throw new RangeError(`defineExperiment: name must be kebab-case, got '${experiment.name}'`);
  }
  const copy = JSON.parse(JSON.stringify(experiment.config)) as JsonObject;
  const changed = firstChange(experiment.config, copy, '');
  if (changed !== undefined) {
    throw new RangeError(`defineExperiment: config must be plain JSON, got something else at '${changed}'`);
  }
  return experiment;
}

function firstChange(value: unknown, copy: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null) return Object.is(value, copy) ? undefined : path;
  for (const [key, inner] of Object.entries(value)) {
    const found = firstChange(
      inner,
      (copy as Record<string, unknown> | undefined)?.[key],
      path === '' ? key : `${path}.${key}`,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
