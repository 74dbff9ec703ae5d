/** @file One writer per zoo. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { fileError, ZooError } from './zoo-error.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

/**
 * Takes a folder's lock; one of a process that is gone is taken over.
 *
 * @returns what releases it
 * @throws {ZooError} when another process holds it
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, '.lock');
  const mine: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const fd = openSync(file, 'wx');
      writeSync(fd, JSON.stringify(mine));
      closeSync(fd);
      return () => rmSync(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST')
        throw fileError('generateZoo', file, 'to lock the folder', cause);
      const holder = readHolder(file);
      if (holder && isAlive(holder)) throw held(file, holder);
      rmSync(file, { force: true });
    }
  }
  throw held(file, readHolder(file) ?? mine);
}

const held = (file: string, { pid, host, since }: Holder) =>
  new ZooError('generateZoo', {
    file,
    expected: 'no other writer',
    found: `process ${pid} on ${host}, since ${since}`,
    remedy: 'two processes may not write one zoo: wait for it, stop it, or choose another folder',
  });

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined; // Written by a process that was killed in between, or gone by now.
  }
}

/** On another host nobody can tell, so the lock counts. */
function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
