/** @file One writer per zoo. */
import { constants, copyFileSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { fileError, ZooError } from './zoo-error.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** When the process started, in the system's own ticks, so that a later process with the same number isn't taken for it. */
  readonly started?: string;
}

/**
 * Takes a folder's lock; one of a process that is gone is taken over.
 *
 * @returns what releases it
 * @throws {ZooError} when another process holds it
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, '.lock');
  const own = `${file}.${process.pid}.tmp`;
  const started = startOf(process.pid);
  const mine: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    ...(started === undefined ? {} : { started }),
  };
  try {
    // Written aside and linked, so that nobody ever sees a lock without its holder.
    for (;;) {
      writeFileSync(own, JSON.stringify(mine));
      if (linked(own, file)) break;
      removeLeftLock(file);
    }
  } catch (cause) {
    throw fileError('generateZoo', file, 'to lock the folder', cause);
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(file, { force: true });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    // ENOENT: the lock's present holder cleared the folder of temporary files.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (!NO_LINKS.includes(code)) throw cause;
    return copied(from, to);
  }
}

/** What file systems without hard links say. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

function copied(from: string, to: string): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

function removeLeftLock(file: string): void {
  const text = readText(file);
  if (text === undefined) return;
  const holder = parseHolder(text);
  if (holder && isAlive(holder)) throw held(file, holder);
  // Renamed first: of several that find it at once, one gets it, and none removes a lock that another took meanwhile.
  const aside = `${file}.${process.pid}.left.tmp`;
  try {
    renameSync(file, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  if (readText(aside) !== text) linked(aside, file);
  rmSync(aside, { force: true });
}

const held = (file: string, { pid, host, since }: Holder) =>
  new ZooError('generateZoo', {
    file,
    expected: 'no other writer',
    found: `process ${pid} on ${host}, since ${since}`,
    remedy: `two processes may not write one zoo: wait for it, stop it, or choose another folder${
      host === hostname() ? '' : '; if it is gone, remove this file'
    }`,
  });

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined; // Not written by this code: nobody holds it.
  }
}

/** On another host nobody can tell, so the lock counts. */
function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return started === undefined || startOf(pid) === undefined || startOf(pid) === started;
}

/** Field 22 of Linux's /proc/PID/stat; undefined on other systems. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
