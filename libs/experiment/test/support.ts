/** @file What the tests of this lib share. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { afterAll } from 'vitest';

import type { Summary } from '@weightspace/experiment';

const made: string[] = [];
afterAll(() => made.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A new folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weightspace-experiment-'));
  made.push(folder);
  return folder;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const FIXTURE = resolve(import.meta.dirname, 'fixtures/counter.ts');

/** Starts the counter experiment as a process of its own. */
export function startCounter(
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(
    process.execPath,
    ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register', FIXTURE, ...args],
    {
      env: { ...process.env, NX_TASK_TARGET_PROJECT: undefined, MLFLOW_TRACKING_URI: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const finished = new Promise<Finished>((done) => {
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
  return { child, finished };
}

export const runCounter = (...args: string[]): Promise<Finished> => startCounter([...args, '--no-tracking']).finished;

export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)!;

export const readSummary = (file: string): Summary => JSON.parse(readFileSync(file, 'utf8')) as Summary;

/** The one run in a folder of runs. */
export function onlyRun(runs: string): string {
  const found = readdirSync(runs);
  if (found.length !== 1) throw new Error(`expected one run, found ${found.join(', ')}`);
  return join(runs, found[0]!);
}

/** Waits until something holds; looks every 5 ms. */
export async function until(condition: () => boolean, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
