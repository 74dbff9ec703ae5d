/** @file For tests of commands: folders that the test removes, and calls in a process of their own or in the test's. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { EXIT } from '../errors.ts';
import type { Streams } from '../run/output.ts';

/** A new folder, and what removes it. */
export function temporaryFolder(name: string): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** How a call ended, and what it printed. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptOptions {
  /** Added to this process's; nothing is tracked unless `MLFLOW_TRACKING_URI` is among them. */
  readonly env?: { readonly [name: string]: string };
  /** The current folder of the script; this process's when absent. */
  readonly cwd?: string;
  /** Sees all that was printed so far, and says when to kill the process. */
  readonly killWhen?: ((printed: string) => boolean) | undefined;
}

/** Starts a TypeScript file as a process of its own. */
export function startScript(
  file: string,
  args: readonly string[],
  { env = {}, cwd, killWhen }: ScriptOptions = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(
    process.execPath,
    ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register', file, ...args],
    {
      env: { ...process.env, NX_TASK_TARGET_PROJECT: undefined, MLFLOW_TRACKING_URI: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    },
  );
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text;
      if (killWhen?.(printed.stdout + printed.stderr) === true) child.kill('SIGKILL');
    });
  }
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, ...printed })),
  );
  return { child, ended };
}

/** Runs what gives an exit code and prints to streams in this process, which saves the seconds that a start takes. */
export async function runHere(call: (streams: Streams) => Promise<number>): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  const streamOf = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (printed[name] += text) });
  const code = await call({ stdout: streamOf('stdout'), stderr: streamOf('stderr') });
  return { code, signal: null, ...printed };
}

/**
 * Runs a TypeScript file that sets `process.exitCode` in this process, as if it had been started with arguments; once for each
 * file, since a module is run once. Nothing else may print meanwhile.
 *
 * @param file its whole path
 */
export async function importScript(file: string, args: readonly string[]): Promise<Ended> {
  const { argv, exitCode, stdout, stderr } = process;
  const printed = { stdout: '', stderr: '' };
  const writes = [stdout.write, stderr.write] as const;
  const hear = (name: 'stdout' | 'stderr') => (text: string | Uint8Array) => {
    printed[name] += String(text);
    return true;
  };
  try {
    Object.assign(process, { argv: [argv[0]!, file, ...args], exitCode: undefined });
    Object.assign(stdout, { write: hear('stdout') });
    Object.assign(stderr, { write: hear('stderr') });
    await import(file);
    return { code: Number(process.exitCode ?? EXIT.done), signal: null, ...printed };
  } finally {
    Object.assign(stdout, { write: writes[0] });
    Object.assign(stderr, { write: writes[1] });
    Object.assign(process, { argv, exitCode });
  }
}

export const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

/** The one run in a folder of runs. @throws {Error} when there is none, or several */
export function onlyRun(runs: string): string {
  const found = readdirSync(runs);
  if (found.length !== 1) throw new Error(`${runs}: expected one run, found ${found.join(', ') || 'none'}`);
  return join(runs, found[0]!);
}
