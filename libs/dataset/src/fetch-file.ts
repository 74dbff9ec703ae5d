/** @file Downloads, which only the targets `dataset:cifar-10` and `dataset:svhn` make. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { sha256Of } from './checked-file.ts';
import { DatasetError } from './dataset-error.ts';

export interface Download {
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Makes sure that a file is there and is the expected one; downloads it where it isn't. It appears whole or not at all.
 *
 * @returns whether it was downloaded
 * @throws {DatasetError} when it can't be had, or is another
 */
export async function fetchFile({ url, bytes, sha256 }: Download, file: string): Promise<boolean> {
  if (existsSync(file) && sha256Of(readFileSync(file)) === sha256) return false;
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const found = await download(url, temporary, bytes, file);
    if (found !== sha256) {
      const remedy = `try again; if it stays so, the file at ${url} was replaced`;
      throw new DatasetError(file, { expected: `SHA-256 ${sha256}`, found, remedy });
    }
    renameSync(temporary, file);
    return true;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** @returns the SHA-256 of what was written */
async function download(url: string, temporary: string, bytes: number, file: string): Promise<string> {
  const refuse = (found: string) =>
    new DatasetError(file, {
      expected: `${bytes} bytes from ${url}`,
      found,
      remedy: 'try again where there is internet, or get the file elsewhere and put it there',
    });
  const hash = createHash('sha256');
  let written = 0;
  let fd: number | undefined;
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body) throw refuse(`HTTP status ${response.status} ${response.statusText}`.trim());
    fd = openSync(temporary, 'w');
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      written += piece.length;
      if (written > bytes) throw refuse('more');
      hash.update(piece);
      for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
    }
    fsyncSync(fd);
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    throw refuse(reasonOf(cause));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  if (written !== bytes) throw refuse(`${written} bytes`);
  return hash.digest('hex');
}

/** `fetch` says only "fetch failed"; its cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const inner =
    cause instanceof AggregateError && cause.message === '' ? cause.errors.map(String).join(', ') : cause.message;
  return `${error.message}: ${inner}`;
}
