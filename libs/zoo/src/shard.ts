/** @file One file of a zoo. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { defineArchitecture } from '@weightspace/architecture';
import type { Architecture, ArchitectureSpec } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';

import { H5File, writeH5 } from './h5-file.ts';
import type { H5Dataset } from './h5-file.ts';
import { fileError, ZooError } from './zoo-error.ts';

export const ZOO_SCHEMA = 'weightspace-zoo/1';

/** What every shard of a zoo has in common. */
export interface ZooHeader {
  readonly architecture: ArchitectureSpec;
  /** How the networks were made; plain JSON. */
  readonly recipe: unknown;
  readonly seed: number;
  /** Name and version of what generated it. */
  readonly generator: string;
  /** Names of the classes that `target/label` numbers; absent where the numbers are the names. */
  readonly classes?: readonly string[];
}

/** What shards of several architectures have in common. */
export type MixedHeader = Omit<ZooHeader, 'architecture'>;

/** The rows of a shard; every array has the networks as its first axis. */
export interface ZooRows {
  /** By the architecture's names; float32 `[N, …shape]`. */
  readonly parameters: NdArrays;
  /** `label`, `image`, `test-accuracy`, … */
  readonly target: NdArrays;
  /** `psnr`, `loss`, … */
  readonly fit: NdArrays;
  /** 0 train, 1 validation, 2 test; `[N]`. */
  readonly split: Uint8Array;
}

/**
 * Writes a shard under a temporary name, syncs it to the disk and renames it into place.
 *
 * @returns its SHA-256
 * @throws {ZooError} when it can't be written; nothing is left behind
 */
export async function writeShard(file: string, header: ZooHeader, rows: ZooRows): Promise<string> {
  const temporary = `${file}.tmp`;
  try {
    await writeH5(temporary, contentsOf(header, rows));
    syncFile(temporary);
    const digest = await sha256(temporary);
    renameSync(temporary, file);
    syncFile(dirname(file));
    return digest;
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw fileError('writeShard', file, 'to write a shard', cause);
  }
}

function contentsOf(
  { architecture, recipe, seed, generator, classes }: ZooHeader,
  { parameters, target, fit, split }: ZooRows,
) {
  const attributes = {
    schema: ZOO_SCHEMA,
    architecture: JSON.stringify(architecture),
    recipe: JSON.stringify(recipe),
    seed: String(seed),
    generator,
    ...(classes === undefined ? {} : { classes: JSON.stringify(classes) }),
  };
  const group = (name: string, arrays: NdArrays) =>
    Object.entries(arrays).map(([key, { shape, data }]): [string, H5Dataset] => [`${name}/${key}`, { shape, data }]);
  const datasets = Object.fromEntries([
    ...group('parameters', parameters),
    ...group('target', target),
    ...group('fit', fit),
    ['split', { shape: [split.length], data: split } satisfies H5Dataset],
  ]) as Record<string, H5Dataset>;
  return { attributes, datasets };
}

/** Makes sure that a file's content, or a folder's list of names, is on the disk. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  return new Promise((resolve, reject) => {
    createReadStream(file)
      .on('data', (piece) => hash.update(piece))
      .on('end', () => resolve(hash.digest('hex')))
      .on('error', reject);
  });
}

/** A shard that is open for reading. */
export interface OpenShard {
  readonly file: string;
  readonly h5: H5File;
  readonly header: ZooHeader;
  readonly architecture: Architecture;
  readonly rows: number;
}

/** @throws {ZooError} when it isn't a shard of this schema, or its arrays don't fit its architecture */
export async function openShard(file: string): Promise<OpenShard> {
  const h5 = await H5File.open(file);
  try {
    const schema = h5.attribute('schema');
    if (schema !== ZOO_SCHEMA) {
      throw new ZooError('openZoo', {
        file,
        at: 'attribute schema',
        expected: ZOO_SCHEMA,
        found: schema,
        remedy: 'this zoo was written by another version: generate it again with this one',
      });
    }
    const header = {
      architecture: parse(h5, file, 'architecture') as ArchitectureSpec,
      recipe: parse(h5, file, 'recipe'),
      seed: Number(h5.attribute('seed')),
      generator: h5.attribute('generator'),
      ...(h5.hasAttribute('classes') ? { classes: parse(h5, file, 'classes') as string[] } : {}),
    };
    const architecture = architectureFrom(header.architecture, file);
    const [rows = 0] = h5.shape('split');
    for (const { name, shape } of architecture.parameters) {
      const [at, wanted] = [`parameters/${name}`, [rows, ...shape]];
      const found = h5.shape(at);
      if (found.join() !== wanted.join()) throw wrongShape(file, at, wanted.join(', '), found);
    }
    for (const at of ['target', 'fit'].flatMap((group) => h5.names(group).map((name) => `${group}/${name}`))) {
      const found = h5.shape(at);
      if (found[0] !== rows) throw wrongShape(file, at, `${rows}, …`, found);
    }
    return { file, h5, header, architecture, rows };
  } catch (error) {
    h5.close();
    throw error;
  }
}

const wrongShape = (file: string, at: string, wanted: string, found: readonly number[]) =>
  new ZooError('openZoo', {
    file,
    at,
    expected: `shape [${wanted}]`,
    found: `[${found.join(', ')}]`,
    remedy: 'the file is damaged: generate it again',
  });

function architectureFrom(spec: ArchitectureSpec, file: string): Architecture {
  try {
    return defineArchitecture(spec);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    const [at, expected] = ['attribute architecture', 'an architecture that this version knows'];
    throw new ZooError(
      'openZoo',
      { file, at, expected, found, remedy: 'the file is damaged or of another version: generate it again' },
      { cause },
    );
  }
}

function parse(h5: H5File, file: string, name: string): unknown {
  const text = h5.attribute(name);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ZooError(
      'openZoo',
      {
        file,
        at: `attribute ${name}`,
        expected: 'JSON',
        found: text.slice(0, 40),
        remedy: 'the file is damaged: generate it again',
      },
      { cause },
    );
  }
}
