/** @file Files that appear whole or not at all. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { EXIT, OutputError } from '../errors.ts';

/**
 * Writes a file under a temporary name beside it, syncs it to the disk and renames it.
 *
 * What isn't an ordinary file, such as /dev/stdout or a pipe, is written to directly.
 * @param what names the file in an error, e.g. "the summary"
 * @throws {OutputError} when it can't be written; what stood there before is kept
 */
export function writeAtomically(file: string, content: string | Uint8Array, what = 'the file'): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    if (isSpecial(file)) {
      writeFileSync(file, content);
      return;
    }
    const fd = openSync(temporary, 'w');
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new OutputError(what, file, cause);
  }
  syncFolder(dirname(file));
}

export const writeJson = (file: string, value: unknown, what?: string): void =>
  writeAtomically(file, `${JSON.stringify(value, null, 2)}\n`, what);

/** Makes a folder and those above it. @throws {OutputError} */
export function makeFolder(folder: string, what: string, exitCode: number = EXIT.failed): void {
  try {
    makeFolders(folder);
  } catch (cause) {
    throw new OutputError(what, folder, cause, exitCode);
  }
}

/** Node says ENOENT where a read-only file system keeps it from making several folders; this says why it failed. */
export function makeFolders(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    let missing = folder;
    while (!existsSync(dirname(missing)) && dirname(missing) !== missing) missing = dirname(missing);
    mkdirSync(missing);
    makeFolders(folder);
  }
}

/**
 * Finds out before hours of work whether a file can be written at their end; makes its folder.
 *
 * @throws {OutputError} with exit code 2 when it can't
 */
export function checkWritable(file: string, what: string): void {
  try {
    if (isSpecial(file)) return;
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
    }
    makeFolders(dirname(file));
    const probe = `${file}.${process.pid}.tmp`;
    closeSync(openSync(probe, 'w'));
    rmSync(probe);
  } catch (cause) {
    throw new OutputError(what, file, cause, EXIT.usage);
  }
}

function isSpecial(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r');
    fsyncSync(fd);
    closeSync(fd);
  } catch {
    // Some systems can't sync a folder; the file itself has been synced.
  }
}
