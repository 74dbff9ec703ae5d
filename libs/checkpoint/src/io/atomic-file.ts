/** @file Files that appear whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import { CheckpointError } from '../checkpoint-error.ts';

/** Where a writer puts its bytes. */
export interface Sink {
  /** Bytes so far. */
  readonly position: number;
  write(bytes: Uint8Array): void;
  /** Over what was written before. */
  overwrite(bytes: Uint8Array, position: number): void;
}

/**
 * Writes `<file>.tmp`, syncs it to the disk and renames it; so a file may be written over one that it is read from.
 *
 * @throws {CheckpointError} when that fails; what stood there before is kept
 */
export function writeAtomically(file: string, write: (sink: Sink) => void): void {
  const temporary = `${file}.tmp`;
  let fd: number | undefined;
  try {
    fd = openSync(temporary, 'w');
    write(sinkOf(fd));
    fsyncSync(fd);
    closeSync(fd);
    fd = undefined;
    renameSync(temporary, file);
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    rmSync(temporary, { force: true });
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    const remedy = 'free space on the disk or choose another folder; a file of this name is as it was before';
    throw new CheckpointError({ file, expected: 'to write the file', found: cause.message, remedy }, { cause });
  }
  syncFolder(dirname(file));
}

/** One call writes at most 1 GiB: the system takes no more than 2 GiB at once. */
const CALL_LIMIT = 2 ** 30;

function sinkOf(fd: number): Sink {
  let position = 0;
  const put = (bytes: Uint8Array, at: number): void => {
    let done = 0;
    while (done < bytes.length)
      done += writeSync(fd, bytes, done, Math.min(bytes.length - done, CALL_LIMIT), at + done);
  };
  return {
    get position() {
      return position;
    },
    write(bytes) {
      put(bytes, position);
      position += bytes.length;
    },
    overwrite: put,
  };
}

/** Makes the rename survive a power cut; some systems can't sync a folder, and then there is nothing more to do. */
function syncFolder(folder: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(folder, 'r');
    fsyncSync(fd);
  } catch {
    // Windows doesn't open folders; the file itself has been synced.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
