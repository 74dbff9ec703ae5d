/** @file The sets that can be downloaded: where from, and what becomes of it. */
import { existsSync, readFileSync, statSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { writeWhole } from './checked-file.ts';
import { cifar10Files, cifar10Folder } from './cifar-10.ts';
import { DatasetError } from './dataset-error.ts';
import { fetchFile } from './fetch-file.ts';
import type { Download } from './fetch-file.ts';
import { svhnFiles, svhnFolder } from './svhn.ts';
import { readTar } from './tar.ts';

const cifar10Archive: Download = {
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  bytes: 170_052_171,
  sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
};
const svhnBytes = { train: 182_040_794, test: 64_275_384 } as const;
const UNPACKED_LIMIT = 2 ** 28;

/** What a target says when it is done. */
export type SetFetcher = (folder?: string) => Promise<string>;

/**
 * Downloads the binary version of CIFAR-10 (170 MB) and unpacks its six files, where they aren't there.
 *
 * @param archive what to download, where it isn't the official file: for tests
 */
export async function fetchCifar10(folder = cifar10Folder(), archive = cifar10Archive): Promise<string> {
  const names = [...cifar10Files.train, ...cifar10Files.test];
  if (names.every((name) => existsSync(join(folder, name)))) return `${folder}: all there`;
  const packed = join(folder, 'cifar-10-binary.tar.gz');
  const fresh = await fetchFile(archive, packed);
  const files = readTar(unpacked(packed), packed);
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const bytes = files.get(`cifar-10-batches-bin/${name}`);
    if (!bytes) {
      const [expected, found] = [`cifar-10-batches-bin/${name}`, [...files.keys()].join(', ') || 'nothing'];
      throw new DatasetError(packed, { expected, found, remedy: 'internal: the archive is the official one' });
    }
    writeWhole(join(folder, name), bytes);
  }
  return `${folder}: ${fresh ? 'downloaded and ' : ''}unpacked ${names.length} files`;
}

function unpacked(file: string): Uint8Array {
  try {
    return gunzipSync(readFileSync(file), { maxOutputLength: UNPACKED_LIMIT });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(file, { expected: 'a gzip archive', found, remedy: 'delete it, and try again' });
  }
}

/** Downloads the cropped digits of SVHN (182 MB and 64 MB), where they aren't there. */
export async function fetchSvhn(folder = svhnFolder()): Promise<string> {
  const made: string[] = [];
  for (const part of ['train', 'test'] as const) {
    const [name, sha256] = svhnFiles[part];
    const url = `http://ufldl.stanford.edu/housenumbers/${name}`;
    if (statSync(join(folder, name), { throwIfNoEntry: false })?.size === svhnBytes[part]) continue;
    if (await fetchFile({ url, bytes: svhnBytes[part], sha256 }, join(folder, name))) made.push(name);
  }
  return `${folder}: ${made.length === 0 ? 'all there' : `downloaded ${made.join(', ')}`}`;
}

export const setFetchers: { readonly [name: string]: SetFetcher } = {
  'cifar-10': (folder) => fetchCifar10(folder),
  svhn: fetchSvhn,
};
