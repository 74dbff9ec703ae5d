/** @file A folder of its own for a test of files, and files written by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SafetensorsError } from '@weightspace/compute';
import { afterAll, beforeEach } from 'vitest';

export const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
/** Absent at the start of every test. */
export const file = join(folder, 'model.safetensors');

beforeEach(() => {
  rmSync(file, { force: true });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Writes `file` with this header, and either these bytes of data, or so many: 0, 1, 2, … */
export function write(header: unknown, data: number | Uint8Array = 0): void {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bytes = typeof data === 'number' ? Uint8Array.from(Array(data).keys()) : data;
  writeFileSync(file, Buffer.concat([length, text, bytes]));
}

export function errorOf(act: () => unknown): SafetensorsError {
  try {
    act();
  } catch (error) {
    if (error instanceof SafetensorsError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
