/** @file What a zoo's folder holds: `zoo.json` says what is to be made, `manifest.jsonl` which shards are done. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { fileError, ZooError } from './zoo-error.ts';

/** One finished shard. */
export interface ManifestEntry {
  readonly shard: string;
  readonly rows: number;
  readonly sha256: string;
  /** First and last number of its networks, as the generator counts them. */
  readonly networks: readonly [number, number];
  /** The code that made it, `-dirty` where files differed from it. Here and not in the shard, whose bytes depend on the plan alone. */
  readonly commit?: string;
}

export const MANIFEST = 'manifest.jsonl';
export const SPEC = 'zoo.json';

/** What `zoo.json` says. */
export interface PlannedZoo {
  /** How many shards there are to be. */
  readonly shards: number | undefined;
  /** Each shard has an architecture of its own. */
  readonly mixed: boolean;
}

/** Undefined where there is no `zoo.json`, as in a zoo that was put together by hand. */
export function plannedZoo(folder: string): PlannedZoo | undefined {
  const file = join(folder, SPEC);
  if (!existsSync(file)) return undefined;
  try {
    const spec = JSON.parse(readFileSync(file, 'utf8')) as { shards?: unknown[]; architecture?: unknown } | null;
    return { shards: spec?.shards?.length, mixed: spec?.architecture === undefined };
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ZooError('openZoo', { file, expected: 'JSON', found, remedy: 'restore the file' }, { cause });
  }
}

export const manifestPath = (folder: string): string => join(folder, MANIFEST);

/**
 * The shards that are listed. A last line that was cut short while it was written doesn't count.
 *
 * @throws {ZooError} when another line isn't one
 */
export function readManifest(folder: string): ManifestEntry[] {
  const file = manifestPath(folder);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  const cut = lines.pop()!;
  const entries = lines.map((line, i) => parseLine(file, line, i + 1));
  if (cut !== '') process.emitWarning(`${file}: its last line was cut short and doesn't count: ${cut.slice(0, 60)}`);
  return entries;
}

function parseLine(file: string, line: string, number: number): ManifestEntry {
  try {
    const entry = JSON.parse(line) as ManifestEntry;
    if (typeof entry.shard === 'string' && typeof entry.rows === 'number' && typeof entry.sha256 === 'string')
      return entry;
  } catch {
    // Reported below with the line.
  }
  throw new ZooError('readManifest', {
    file,
    at: `line ${number}`,
    expected: 'a shard with its rows and SHA-256',
    found: line.slice(0, 60),
    remedy: 'restore the file, or delete the folder and generate again',
  });
}

/** Lists a shard as done. */
export function appendManifest(folder: string, entry: ManifestEntry): void {
  const file = manifestPath(folder);
  try {
    appendFileSync(file, `${JSON.stringify(entry)}\n`, { flush: true });
  } catch (cause) {
    throw fileError('generateZoo', file, 'to list a shard', cause);
  }
}

/** Writes the list anew in the order of the shards, so that it doesn't tell in which order workers finished. */
export function rewriteManifest(folder: string, entries: readonly ManifestEntry[]): void {
  const sorted = [...entries].sort((a, b) => (a.shard < b.shard ? -1 : 1));
  writeWhole(manifestPath(folder), sorted.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

/** A file that appears whole or not at all. */
export function writeWhole(file: string, text: string): void {
  try {
    const temporary = `${file}.tmp`;
    const fd = openSync(temporary, 'w');
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (cause) {
    throw fileError('generateZoo', file, 'to write it', cause);
  }
}
