/** @file Opening the files of a zoo: what a folder lists, checked. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { isZooFolder } from './generate-zoo.ts';
import type { ManifestEntry } from './manifest.ts';
import { manifestPath, plannedZoo, readManifest, SPEC } from './manifest.ts';
import { openShard, sha256 } from './shard.ts';
import type { OpenShard } from './shard.ts';
import { ZooError } from './zoo-error.ts';

export interface OpenZooOptions {
  /**
   * `sha256` reads every byte once, about a second per GB; the default for zoos up to 2 GB. Otherwise `size`: HDF5 notices
   * a file that was cut, but no changed byte among the weights.
   */
  readonly verify?: 'sha256' | 'size';
  /** Also open a zoo whose generation isn't finished, with the shards that it has. */
  readonly unfinished?: boolean;
}

const SMALL = 2 * 2 ** 30;

export interface OpenShards {
  readonly shards: readonly OpenShard[];
  /** Of the code that made them. */
  readonly commits: readonly string[];
}

export function closeAll(shards: readonly OpenShard[]): void {
  for (const { h5 } of shards) h5.close();
}

/**
 * Opens all shards of a folder, or one file.
 *
 * @throws {ZooError} when it is missing, unfinished, of another schema, truncated, or changed
 */
export async function openShards(path: string, options: OpenZooOptions): Promise<OpenShards> {
  if (!existsSync(path)) throw noZoo(path, 'nothing');
  if (!statSync(path).isDirectory()) return openFile(path, options);
  if (!isZooFolder(path)) throw noZoo(path, 'a folder without manifest.jsonl');
  const entries = readManifest(path);
  const planned = plannedZoo(path);
  checkFinished(path, entries.length, planned?.shards, options.unfinished === true);
  const total = entries.reduce(
    (sum, { shard }) => sum + (statSync(join(path, shard), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  const verify = options.verify ?? (total <= SMALL ? 'sha256' : 'size');
  const shards: OpenShard[] = [];
  try {
    for (const entry of entries) shards.push(await openListed(path, entry, verify));
    if (planned?.mixed === false) checkOneArchitecture(shards);
  } catch (error) {
    closeAll(shards);
    throw error;
  }
  return { shards, commits: [...new Set(entries.flatMap(({ commit }) => commit ?? []))] };
}

const noZoo = (file: string, found: string) =>
  new ZooError('openZoo', { file, expected: 'a zoo', found, remedy: 'check the path, or generate the zoo' });

function checkFinished(path: string, listed: number, planned: number | undefined, unfinished: boolean): void {
  const fail = (expected: string, found: string) => {
    const remedy = 'continue its generation with --resume';
    throw new ZooError('openZoo', { file: manifestPath(path), expected, found, remedy });
  };
  if (listed === 0) fail('finished shards', 'none');
  if (planned !== undefined && listed < planned && !unfinished) {
    fail(`${planned} shards, as ${SPEC} says`, String(listed));
  }
}

/** One file; checked against the manifest beside it where that lists it. */
async function openFile(path: string, { verify }: OpenZooOptions): Promise<OpenShards> {
  const entry = readManifest(dirname(path)).find(({ shard }) => shard === basename(path));
  if (entry === undefined) return { shards: [await openShard(path)], commits: [] };
  const chosen = verify ?? (statSync(path).size <= SMALL ? 'sha256' : 'size');
  return {
    shards: [await openListed(dirname(path), entry, chosen)],
    commits: entry.commit === undefined ? [] : [entry.commit],
  };
}

/** A shard that is what the manifest says. */
async function openListed(path: string, entry: ManifestEntry, verify: 'sha256' | 'size'): Promise<OpenShard> {
  const file = join(path, entry.shard);
  if (verify === 'sha256' && existsSync(file)) await checkDigest(file, entry.sha256);
  const shard = await openShard(file);
  if (shard.rows === entry.rows) return shard;
  shard.h5.close();
  throw new ZooError('openZoo', {
    file,
    expected: `${entry.rows} networks, as the manifest says`,
    found: String(shard.rows),
    remedy: 'delete the file and generate again with --resume',
  });
}

/** Where zoo.json has one architecture, another is a mistake. */
function checkOneArchitecture(shards: readonly OpenShard[]): void {
  const { signature } = shards[0]!.architecture;
  const other = shards.find(({ architecture }) => architecture.signature !== signature);
  if (!other) return;
  throw new ZooError('openZoo', {
    file: other.file,
    expected: `networks ${signature}`,
    found: other.architecture.signature,
    remedy: 'the folder mixes two zoos: generate it again',
  });
}

async function checkDigest(file: string, expected: string): Promise<void> {
  const found = await sha256(file);
  if (found !== expected) {
    throw new ZooError('openZoo', {
      file,
      expected: `SHA-256 ${expected}`,
      found,
      remedy: 'the file was changed or cut short: delete it and generate again with --resume',
    });
  }
}
