/** @file Reading files whose content is known. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

import { DatasetError } from './dataset-error.ts';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What to do about a file that is missing, and about one that is another. */
export interface Remedies {
  readonly missing: string;
  readonly changed: string;
}

const ofPackage: Remedies = {
  missing: 'run npm ci',
  changed: 'the file was changed or cut short: install the package anew',
};

/** @throws {DatasetError} when the file can't be read or isn't the one that is expected */
export function readChecked(file: string, sha256: string, remedies: Remedies = ofPackage): Uint8Array {
  const bytes = readOrExplain(file, remedies.missing);
  const found = sha256Of(bytes);
  if (found !== sha256) {
    throw new DatasetError(file, { expected: `SHA-256 ${sha256}`, found, remedy: remedies.changed });
  }
  return bytes;
}

/** @throws {DatasetError} when the file can't be read */
export function readOrExplain(file: string, remedy: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(file, { expected: 'a file that can be read', found, remedy });
  }
}

/** Writes under a temporary name and renames: the file appears whole or not at all. */
export function writeWhole(file: string, bytes: Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  const fd = openSync(temporary, 'w');
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
}
