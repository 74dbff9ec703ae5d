/** @file A folder of its own for a test of files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true }));

export const temporary = (name: string): string => join(folder, name);

/** Writes a file. @returns its path */
export function file(name: string, contents: Uint8Array | string): string {
  writeFileSync(temporary(name), contents);
  return temporary(name);
}
