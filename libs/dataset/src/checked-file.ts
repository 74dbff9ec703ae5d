/** @file Reading files whose content is known. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { DatasetError } from './dataset-error.ts';

/** @throws {DatasetError} when the file can't be read or isn't the one that is expected */
export function readChecked(file: string, sha256: string): Uint8Array {
  const bytes = readOrExplain(file);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) {
    throw new DatasetError(file, {
      expected: `SHA-256 ${sha256}`,
      found,
      remedy: 'the file was changed or cut short: install the package anew',
    });
  }
  return bytes;
}

function readOrExplain(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(file, { expected: 'a file that can be read', found, remedy: 'run npm ci' });
  }
}
