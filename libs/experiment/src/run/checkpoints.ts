/** @file Checkpoints of a run: written whole or not at all, the last two kept, checked when read. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { loadSafetensors, RandomStream, saveSafetensors } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { z } from 'zod';

import { configDiff } from '../config/diff.ts';
import { CheckpointError, EXIT } from '../errors.ts';
import { isObject, parseExact, stringifyExact } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { makeFolder, writeAtomically } from './atomic-write.ts';

/** All that an experiment needs to go on: what it holds at a moment between two steps. */
export interface Snapshot<S = unknown> {
  /** Parameters, optimizer state, orders of data; by names of your choice. */
  readonly arrays?: NdArrays;
  /** Positions, best values so far and the like; plain JSON, in which NaN and infinities survive. */
  readonly json: S;
  /** Generators, stored with where they stand. */
  readonly streams?: { readonly [name: string]: RandomStream };
}

export interface Restored<S = unknown> {
  readonly arrays: NdArrays;
  readonly json: S;
  readonly streams: { readonly [name: string]: RandomStream };
}

export interface CheckpointOwner {
  readonly experiment: string;
  readonly config: JsonObject;
}

const SCHEMA = 'weightspace-checkpoint/1';
const stored = z.object({
  schema: z.literal(SCHEMA),
  experiment: z.string(),
  config: z.custom<JsonObject>(isObject),
  sequence: z.number(),
  /** Of names, dtypes, shapes and bytes of the arrays. */
  digest: z.string(),
  arrayNames: z.array(z.string()),
  json: z.unknown(),
  streams: z.record(z.string(), z.object({ key: z.string(), generator: z.array(z.number()) })),
  /** What the run itself keeps: position in its metrics, seconds so far. */
  run: z.custom<JsonObject>(isObject),
});
type Stored = z.infer<typeof stored>;

const KEPT = 2;

/** Checkpoints in one folder. Each is `<sequence>.safetensors` and, written after it, `<sequence>.json`, which makes it valid. */
export class CheckpointFolder {
  readonly folder: string;
  readonly #owner: CheckpointOwner;
  readonly #warn: (text: string) => void;

  constructor(folder: string, owner: CheckpointOwner, warn: (text: string) => void = () => undefined) {
    this.folder = folder;
    this.#owner = owner;
    this.#warn = warn;
  }

  /** @throws {OutputError | SafetensorsError} when it can't be written; the checkpoints before it are kept */
  save(snapshot: Snapshot, run: JsonObject): void {
    makeFolder(this.folder, 'the checkpoint folder');
    const sequences = this.#sequences();
    const sequence = (sequences.at(-1) ?? 0) + 1;
    const arrays = snapshot.arrays ?? {};
    saveSafetensors(this.#path(sequence, 'safetensors'), arrays);
    const streams = Object.entries(snapshot.streams ?? {}).map(([name, stream]) => [name, stream.getState()]);
    const entry: Stored = {
      schema: SCHEMA,
      ...this.#owner,
      sequence,
      digest: digestOf(arrays),
      arrayNames: Object.keys(arrays),
      json: snapshot.json,
      streams: Object.fromEntries(streams) as Stored['streams'],
      run,
    };
    writeAtomically(this.#path(sequence, 'json'), stringifyExact(entry), 'the checkpoint');
    this.#removeBefore(sequence - KEPT + 1);
  }

  /**
   * The newest checkpoint that is whole; one whose writing was cut short is passed over with a warning.
   *
   * @returns undefined when there is none at all
   * @throws {CheckpointError} when there are some but all are damaged (exit code 1), or when one belongs to another
   *   experiment or config (exit code 2)
   */
  load(): (Restored & { readonly run: JsonObject }) | undefined {
    const problems: CheckpointError[] = [];
    for (const sequence of this.#sequences().reverse()) {
      try {
        const found = this.#read(sequence);
        for (const { message } of problems) this.#warn(`passed over a damaged checkpoint: ${message}`);
        return found;
      } catch (error) {
        if (!(error instanceof CheckpointError) || error.exitCode === EXIT.usage) throw error;
        problems.push(error);
      }
    }
    if (problems.length === 0) return undefined;
    throw new CheckpointError({
      file: this.folder,
      expected: 'a whole checkpoint',
      found: problems.map(({ problem }) => `${problem.file}: ${problem.found}`).join('; '),
      remedy: 'start the run anew, without --resume',
    });
  }

  clear(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #read(sequence: number): Restored & { readonly run: JsonObject } {
    const file = this.#path(sequence, 'json');
    const found = readStored(file);
    this.#checkOwner(file, found);
    const arraysFile = this.#path(sequence, 'safetensors');
    const arrays = readArrays(arraysFile, found);
    const streams = Object.entries(found.streams).map(([name, state]) => [name, RandomStream.fromState(state)]);
    return { arrays, json: found.json, streams: Object.fromEntries(streams) as Restored['streams'], run: found.run };
  }

  #checkOwner(file: string, found: Stored): void {
    const remedy = 'resume with the settings that the run was started with, or start a new one without --resume';
    if (found.experiment !== this.#owner.experiment) {
      const [expected, other] = [`a checkpoint of '${this.#owner.experiment}'`, `one of '${found.experiment}'`];
      throw new CheckpointError({ file, expected, found: other, remedy }, EXIT.usage);
    }
    const diff = configDiff(found.config, this.#owner.config, ['in the checkpoint', 'in this command']);
    if (diff.length > 0) {
      const other = `other settings:\n${diff.map((line) => `    ${line}`).join('\n')}\n `;
      throw new CheckpointError({ file, expected: "this run's settings", found: other, remedy }, EXIT.usage);
    }
  }

  #path(sequence: number, extension: string): string {
    return join(this.folder, `${String(sequence).padStart(6, '0')}.${extension}`);
  }

  /** In ascending order; a pair counts as soon as either file is there, so that a number is never used twice. */
  #sequences(): number[] {
    if (!existsSync(this.folder)) return [];
    const numbers = readdirSync(this.folder).map((name) => /^(\d{6,})\.json$/.exec(name)?.[1]);
    return numbers
      .filter((text) => text !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Also removes leftovers of interrupted writes. */
  #removeBefore(sequence: number): void {
    for (const name of readdirSync(this.folder)) {
      const number = Number(/^(\d{6,})\./.exec(name)?.[1] ?? Infinity);
      if (number < sequence || name.endsWith('.tmp')) rmSync(join(this.folder, name), { force: true });
    }
  }
}

const DAMAGED = 'the file is damaged';

function readStored(file: string): Stored {
  const fail = (found: string, cause?: unknown): never => {
    throw new CheckpointError({ file, expected: `a ${SCHEMA}`, found, remedy: DAMAGED }, EXIT.failed, { cause });
  };
  let value: unknown;
  try {
    value = parseExact(readFileSync(file, 'utf8'));
  } catch (cause) {
    return fail((cause as Error).message, cause);
  }
  const parsed = stored.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  return fail(`at "${first?.path.join('.') ?? ''}": ${first?.message ?? 'nothing'}`);
}

function readArrays(file: string, entry: Stored): NdArrays {
  let arrays: NdArrays;
  try {
    arrays = loadSafetensors(file);
  } catch (cause) {
    const expected = `${entry.arrayNames.length} arrays of checkpoint ${entry.sequence}`;
    throw new CheckpointError({ file, expected, found: (cause as Error).message, remedy: DAMAGED }, EXIT.failed, {
      cause,
    });
  }
  const digest = digestOf(arrays);
  if (digest !== entry.digest) {
    const [expected, found] = [`SHA-256 ${entry.digest.slice(0, 12)}…`, `${digest.slice(0, 12)}…`];
    throw new CheckpointError({ file, expected, found, remedy: DAMAGED });
  }
  // In the order in which they were saved: a model may rely on it.
  return Object.fromEntries(entry.arrayNames.map((name) => [name, arrays[name]!]));
}

/** SHA-256 of names, dtypes, shapes and bytes. */
function digestOf(arrays: NdArrays): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(arrays).sort()) {
    const { dtype, shape, data }: NdArray = arrays[name]!;
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
