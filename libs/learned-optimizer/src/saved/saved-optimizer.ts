/** @file Trained optimizers on disk: `<name>.json` and, beside it, `<name>.safetensors`. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import { loadSafetensors, RandomStream, saveSafetensors } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { writeJson } from '@weightspace/experiment';
import type { Json } from '@weightspace/experiment';

import { LearnedOptimizerError } from '../kinds.ts';
import type { Settings } from '../kinds.ts';
import { createOptimizer, optimizerKind } from '../optimizers/learned-optimizer.ts';
import type { LearnedOptimizer } from '../optimizers/learned-optimizer.ts';

const SCHEMA = 'weightspace-optimizer/1';
/** Its name where a folder is given. */
const NAME = 'optimizer';

/** Where an optimizer comes from. */
export interface Provenance {
  /** That makes it again. */
  readonly command: string;
  readonly seed: number;
  /** Git commit, `-dirty` where files differed from it; null outside of a repository. */
  readonly commit: string | null;
  /** What it was trained on. */
  readonly tasks: readonly string[];
  /** Mean normalized loss of the outer steps up to each of these, since the one before: `[outer step, loss]`. */
  readonly curve: readonly (readonly [step: number, loss: number])[];
  /** Whatever else is worth knowing. */
  readonly [more: string]: Json;
}

export interface TrainedOptimizer {
  readonly kind: string;
  readonly settings: Settings;
  /** Without an axis M. */
  readonly meta: NdArrays;
  readonly provenance: Provenance;
}

interface Description extends Omit<TrainedOptimizer, 'meta'> {
  readonly schema: typeof SCHEMA;
  /** By meta-parameter. */
  readonly shapes: { readonly [name: string]: readonly number[] };
  /** Of the file of the meta-parameters. */
  readonly sha256: string;
}

/** A file isn't that of a trained optimizer, or not of one that fits. */
export class SavedOptimizerError extends Error {
  override readonly name = 'SavedOptimizerError';
  readonly file: string;

  constructor(file: string, expected: string, found: string, remedy: string, options?: ErrorOptions) {
    super(`${file}: expected ${expected}, found ${found}; ${remedy}`, options);
    this.file = file;
  }
}

/**
 * Writes an optimizer. Each file appears whole or not at all; the JSON, which is written last, holds the hash of the other.
 *
 * @param path name without ending, or with that of either file
 * @throws {SafetensorsError} {OutputError} when they can't be written
 */
export function saveOptimizer(path: string, { kind, settings, meta, provenance }: TrainedOptimizer): void {
  const { json, arrays } = filesOf(path);
  mkdirSync(dirname(json), { recursive: true });
  saveSafetensors(arrays, meta, { schema: SCHEMA, kind });
  const shapes = Object.fromEntries(Object.entries(meta).map(([name, { shape }]) => [name, shape]));
  const sha256 = hashOf(arrays);
  writeJson(
    json,
    { schema: SCHEMA, kind, settings, shapes, sha256, provenance } satisfies Description,
    'the optimizer',
  );
}

/** A trained optimizer that was read. */
export interface SavedOptimizer extends TrainedOptimizer {
  readonly file: string;
  /**
   * The optimizer of an architecture's networks; its meta-parameters are `meta` with an axis M in front.
   *
   * @throws {SavedOptimizerError} when the kind needs other meta-parameters for it
   * @throws {LearnedOptimizerError} when the kind doesn't take such networks
   */
  readonly on: (architecture: Architecture) => LearnedOptimizer;
}

/**
 * @param path name without ending, or with that of either file, or a folder with `optimizer.json`, such as that of a run
 * @throws {SavedOptimizerError} when there is none, or it is damaged, or of an unknown kind
 * @throws {SafetensorsError} when the file of its meta-parameters can't be read
 */
export function loadOptimizer(path: string): SavedOptimizer {
  const { json, arrays } = filesOf(path);
  const { kind, settings, shapes, sha256, provenance } = readDescription(json);
  const found = existsSync(arrays) ? hashOf(arrays) : undefined;
  if (found !== sha256) {
    throw new SavedOptimizerError(
      arrays,
      `meta-parameters with the hash ${sha256.slice(0, 12)}…`,
      found === undefined ? 'nothing' : `${found.slice(0, 12)}…`,
      'the file is damaged, or of another optimizer: get both anew',
    );
  }
  checkKind(json, kind);
  const meta = loadSafetensors(arrays);
  const named = Object.fromEntries(Object.keys(shapes).map((name) => [name, meta[name]!]));
  const saved = { kind, settings, meta: named, provenance, file: json };
  return { ...saved, on: (architecture) => optimizerOn(saved, architecture) };
}

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

function filesOf(path: string): { readonly json: string; readonly arrays: string } {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const stem = isFolder ? join(path, NAME) : path.replace(/\.(json|safetensors)$/, '');
  return { json: `${stem}.json`, arrays: `${stem}.safetensors` };
}

function readDescription(file: string): Description {
  const expected = `a trained optimizer (${SCHEMA})`;
  if (!existsSync(file)) {
    const remedy =
      'give the folder of a finished run of learned-optimizers:meta-train, or the name of a saved optimizer';
    throw new SavedOptimizerError(file, expected, 'nothing', remedy);
  }
  let found: Partial<Description> | null;
  try {
    found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Description> | null;
  } catch (cause) {
    const remedy = 'the file is damaged: get it anew';
    throw new SavedOptimizerError(file, expected, (cause as Error).message, remedy, { cause });
  }
  if (found?.schema !== SCHEMA) {
    const what = found?.schema === undefined ? 'no schema' : String(found.schema);
    throw new SavedOptimizerError(file, expected, what, 'save it with this version');
  }
  const lacking = (['kind', 'settings', 'shapes', 'sha256', 'provenance'] as const).find((key) => !(key in found));
  if (lacking === undefined) return found as Description;
  throw new SavedOptimizerError(file, `'${lacking}'`, 'nothing', 'the file is damaged: get it anew');
}

function checkKind(file: string, kind: string): void {
  try {
    optimizerKind(kind);
  } catch (cause) {
    if (!(cause instanceof LearnedOptimizerError)) throw cause;
    const remedy = 'import the lib that registers it, or register it';
    throw new SavedOptimizerError(file, 'a kind of optimizer that is registered', `'${kind}'`, remedy, { cause });
  }
}

function optimizerOn({ kind, settings, meta, file }: Omit<SavedOptimizer, 'on'>, architecture: Architecture) {
  const optimizer = createOptimizer(kind, architecture, settings);
  const wanted = optimizer.initialize(RandomStream.fromSeed(0));
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(meta)])) {
    const shapes = [wanted[name], meta[name]].map((array) => (array ? `[${array.shape.join(', ')}]` : 'nothing'));
    if (shapes[0] === shapes[1]) continue;
    throw new SavedOptimizerError(
      file,
      `meta-parameter '${name}' of ${kind} on ${architecture.name} to be ${shapes[0]}`,
      shapes[1]!,
      'what it was trained on has other parts: meta-train on such networks, or take a kind that fits all, e.g. mlp-lopt',
    );
  }
  return optimizer;
}
