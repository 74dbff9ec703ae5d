/** @file Files that appear whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

import { ParameterGraphError } from '../parameter-graph-error.ts';

/**
 * Writes a file under a temporary name beside it, syncs it to the disk and renames it; a pipe or /dev/stdout directly.
 *
 * @throws {ParameterGraphError} when it can't be written; what stood there before is kept
 */
export function writeAtomically(fn: string, file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const there = statSync(file, { throwIfNoEntry: false });
    if (there !== undefined && !there.isFile() && !there.isDirectory()) {
      writeFileSync(file, content);
      return;
    }
    const descriptor = openSync(temporary, 'w');
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ParameterGraphError(fn, `'${file}' must be a file that can be written: ${reason}`, { cause });
  }
}
