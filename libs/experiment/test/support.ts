/** @file What the tests of this lib share. */
import type { ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';

import { afterAll } from 'vitest';

import type { Summary } from '@weightspace/experiment';
import { readJson, startScript, temporaryFolder as makeFolder } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';

const made: (() => void)[] = [];
afterAll(() => made.splice(0).forEach((remove) => remove()));

/** A new folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const { folder, remove } = makeFolder('weightspace-experiment');
  made.push(remove);
  return folder;
}

const FIXTURE = resolve(import.meta.dirname, 'fixtures/counter.ts');

/** Starts the counter experiment as a process of its own. */
export function startCounter(
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; finished: Promise<Ended> } {
  const { child, ended } = startScript(FIXTURE, args, { env });
  return { child, finished: ended };
}

export const runCounter = (...args: string[]): Promise<Ended> => startCounter([...args, '--no-tracking']).finished;

export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)!;

export const readSummary = (file: string): Summary => readJson<Summary>(file);

/** Waits until something holds; looks every 5 ms. */
export async function until(condition: () => boolean, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
