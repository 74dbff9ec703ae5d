/** @file Making a zoo shard by shard, so that a stop at any moment loses at most the shards under way. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { defineArchitecture } from '@weightspace/architecture';
import type { ArchitectureSpec } from '@weightspace/architecture';

import type { Executor, Task } from './executor.ts';
import { lockFolder } from './lock.ts';
import { appendManifest, MANIFEST, readManifest, rewriteManifest, SPEC, writeWhole } from './manifest.ts';
import type { ManifestEntry } from './manifest.ts';
import { writeShard, ZOO_SCHEMA } from './shard.ts';
import type { MixedHeader, ZooHeader, ZooRows } from './shard.ts';
import { fileError, ZooError } from './zoo-error.ts';

/** A deterministic, idempotent part of the work: the rows of one shard. */
export interface Chunk {
  /** File name, such as `train-00003.h5`. */
  readonly shard: string;
  readonly rows: number;
  readonly networks: readonly [number, number];
  /** What the task is called with. */
  readonly input: unknown;
  /** Of its networks, in a zoo of several architectures; absent where the zoo's header has the one of all. */
  readonly architecture?: ArchitectureSpec;
}

export interface ZooProgress {
  readonly rows: number;
  readonly totalRows: number;
  /** Rows that were there before this call. */
  readonly resumedRows: number;
  /** `rows` with the share of the shards under way, as far as earlier ones tell; for estimates of the time that is left. */
  readonly begunRows: number;
  readonly shard?: string;
}

export interface GenerateOptions {
  readonly folder: string;
  /** Without an architecture where every chunk has its own. */
  readonly header: ZooHeader | MixedHeader;
  readonly chunks: readonly Chunk[];
  /** A function that makes the `ZooRows` of a chunk from its input. */
  readonly task: Omit<Task, 'input'>;
  readonly executor: Executor;
  /** The commit of the code; listed with each shard. */
  readonly commit?: string;
  /** Continue what is there; without it, a folder with shards is refused. */
  readonly resume?: boolean;
  readonly onProgress?: (progress: ZooProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes the shards that are missing.
 *
 * @returns whether all shards are there; false when the signal stopped it before
 * @throws {RangeError} unless either the header or every chunk has an architecture
 * @throws {ZooError} when the folder holds another zoo, another process writes it, or a shard can't be written; what is listed stays
 */
export async function generateZoo(options: GenerateOptions): Promise<boolean> {
  const { folder, chunks, onProgress } = options;
  checkArchitectures(options);
  makeFolder(folder);
  const unlock = lockFolder(folder);
  try {
    const done = prepare(options);
    const missing = chunks.filter(({ shard }) => !done.has(shard));
    const totalRows = chunks.reduce((sum, { rows }) => sum + rows, 0);
    const resumedRows = totalRows - missing.reduce((sum, { rows }) => sum + rows, 0);
    let rows = resumedRows;
    const underWay = new UnderWay();
    const tell = (shard?: string) =>
      onProgress?.({
        rows,
        totalRows,
        resumedRows,
        begunRows: rows + underWay.rows,
        ...(shard === undefined ? {} : { shard }),
      });
    tell();
    const timer = setInterval(() => underWay.isKnown && tell(), 1000);
    try {
      await runAll(missing, options, underWay, (entry) => {
        appendManifest(folder, entry);
        done.set(entry.shard, entry);
        rows += entry.rows;
        tell(entry.shard);
      });
    } finally {
      clearInterval(timer);
    }
    if (done.size === chunks.length) rewriteManifest(folder, [...done.values()]);
    return done.size === chunks.length;
  } finally {
    unlock();
  }
}

function checkArchitectures({ header, chunks }: GenerateOptions): void {
  const one = 'architecture' in header;
  const wrong = chunks.find(({ architecture }) => (architecture !== undefined) === one);
  if (!wrong) return;
  const got = one ? 'one in both' : 'none in either';
  throw new RangeError(
    `generateZoo: the architecture must stand either in the header or in every chunk, got ${got} for ${wrong.shard}`,
  );
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw fileError('generateZoo', folder, 'to make the folder', whyNotWritable(folder) ?? cause);
  }
}

/** `mkdir` with `recursive` says ENOENT of a read-only file system (Node 20). */
function whyNotWritable(folder: string): unknown {
  let parent = dirname(resolve(folder));
  while (!existsSync(parent)) parent = dirname(parent);
  try {
    accessSync(parent, constants.W_OK);
    return undefined;
  } catch (cause) {
    return cause;
  }
}

/** Checks that the folder is this zoo's, and clears what an interrupted writer left. */
function prepare({ folder, header, chunks, resume = false }: GenerateOptions): Map<string, ManifestEntry> {
  const spec = `${JSON.stringify({ schema: ZOO_SCHEMA, ...header, shards: chunks.map(plannedShard) }, null, 2)}\n`;
  const file = join(folder, SPEC);
  if (existsSync(file)) {
    const found = readFileSync(file, 'utf8');
    if (found !== spec) throw otherZoo(file, found, spec);
    if (!resume && readManifest(folder).length > 0) {
      throw new ZooError('generateZoo', {
        file,
        expected: 'an empty folder',
        found: `${readManifest(folder).length} finished shards`,
        remedy: 'continue with --resume, or choose another folder',
      });
    }
  } else {
    writeWhole(file, spec);
  }
  const listed = readManifest(folder);
  rewriteManifest(folder, listed);
  const done = new Map(
    listed.filter(({ shard }) => existsSync(join(folder, shard))).map((entry) => [entry.shard, entry]),
  );
  for (const name of readdirSync(folder)) {
    const leftover = name.endsWith('.tmp') || (name.endsWith('.h5') && !done.has(name));
    if (leftover) rmSync(join(folder, name));
  }
  if (done.size !== listed.length) rewriteManifest(folder, [...done.values()]);
  return done;
}

/** A shard's name and rows, and where the zoo has several architectures which one. */
const plannedShard = ({ shard, rows, architecture }: Chunk) =>
  architecture === undefined ? [shard, rows] : [shard, rows, defineArchitecture(architecture).signature];

/** Names the settings that differ. */
function otherZoo(file: string, found: string, expected: string): ZooError {
  const [a, b] = [found, expected].map((text) => flat(parseOrEmpty(text)));
  const keys = [...new Set([...a!.keys(), ...b!.keys()])].filter((key) => a!.get(key) !== b!.get(key));
  const shown = keys
    .slice(0, 5)
    .map((key) => `${key}: ${a!.get(key) ?? 'absent'} there, ${b!.get(key) ?? 'absent'} asked for`);
  return new ZooError('generateZoo', {
    file,
    expected: 'the zoo that is asked for',
    found: `another (${shown.join('; ')}${keys.length > 5 ? '; …' : ''})`,
    remedy: 'choose another folder, or ask for the same zoo',
  });
}

function parseOrEmpty(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function flat(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null) return new Map([[path, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flat(inner, path === '' ? key : `${path}.${key}`)]),
  );
}

/** What the shards that are being made amount to, by how long the last ones took. */
class UnderWay {
  readonly #started = new Map<Chunk, number>();
  /** Seconds per row of the last shards. */
  #paces: number[] = [];

  get isKnown(): boolean {
    return this.#paces.length > 0;
  }

  get rows(): number {
    const pace = this.#paces.toSorted((a, b) => a - b)[this.#paces.length >> 1];
    if (pace === undefined) return 0;
    const now = performance.now();
    return [...this.#started].reduce((sum, [{ rows }, at]) => sum + Math.min(rows, (now - at) / 1000 / pace), 0);
  }

  start(chunk: Chunk): void {
    this.#started.set(chunk, performance.now());
  }

  end(chunk: Chunk): void {
    const seconds = (performance.now() - this.#started.get(chunk)!) / 1000;
    this.#started.delete(chunk);
    this.#paces = [...this.#paces, seconds / Math.max(1, chunk.rows)].slice(-15);
  }
}

/** As many chunks at once as the executor runs; the first failure stops new ones and is thrown when the others are done. */
async function runAll(
  chunks: readonly Chunk[],
  options: GenerateOptions,
  underWay: UnderWay,
  onDone: (entry: ManifestEntry) => void,
): Promise<void> {
  const { executor, signal } = options;
  let next = 0;
  let failure: unknown;
  const worker = async () => {
    while (next < chunks.length && failure === undefined && !signal?.aborted) {
      const chunk = chunks[next++]!;
      underWay.start(chunk);
      try {
        const entry = await makeShard(chunk, options);
        underWay.end(chunk);
        onDone(entry);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: executor.width }, worker));
  if (failure !== undefined) throw failure;
}

async function makeShard(
  chunk: Chunk,
  { folder, header, task, executor, commit }: GenerateOptions,
): Promise<ManifestEntry> {
  const file = join(folder, chunk.shard);
  const rows = (await runTask({ ...task, input: chunk.input }, chunk, executor)) as ZooRows;
  if (rows.split.length !== chunk.rows)
    throw new Error(
      `internal: ${task.name} made ${rows.split.length} rows for ${chunk.shard}, which has ${chunk.rows}`,
    );
  const own = chunk.architecture === undefined ? header : { ...header, architecture: chunk.architecture };
  const digest = await writeShard(file, own as ZooHeader, rows);
  const entry = { shard: chunk.shard, rows: chunk.rows, sha256: digest, networks: chunk.networks };
  return commit === undefined ? entry : { ...entry, commit };
}

/** A worker that dies takes one task with it, which is tried once more. */
async function runTask(task: Task, { shard }: Chunk, executor: Executor): Promise<unknown> {
  try {
    return await executor.run(task);
  } catch (first) {
    if (!/exited|terminated/i.test(String(first))) throw named(shard, first);
    try {
      return await executor.run(task);
    } catch (cause) {
      throw named(shard, cause);
    }
  }
}

const named = (shard: string, cause: unknown) =>
  cause instanceof ZooError
    ? cause
    : new Error(`generateZoo: the chunk ${shard} failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });

export const isZooFolder = (folder: string): boolean => existsSync(join(folder, MANIFEST));
