/** @file Small zoos in a temporary folder, and commands run as processes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { generateZoo, inlineExecutor } from '@weightspace/zoo';
import type { Chunk } from '@weightspace/zoo';

import { EPOCHS, miniArchitecture } from './mini-zoo.ts';
import type { MiniInput } from './mini-zoo.ts';

export const root = join(import.meta.dirname, '..', '..', '..');

/** A folder that the test removes. */
export function temporaryFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'generalization-prediction-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const kinds = [
  { features: [4, 3], activation: 'relu' },
  { features: [5], activation: 'relu' },
  { features: [3, 4, 3], activation: 'tanh' },
] as const;

/** One architecture, or three; `runs` of each. */
export async function writeMiniZoo(folder: string, runs = 40, several = false, firstRun = 0): Promise<void> {
  const chunks = kinds.slice(0, several ? 3 : 1).map((kind, i): Chunk => {
    const input: MiniInput = { ...kind, firstRun: firstRun + i * runs, runs };
    const rows = runs * EPOCHS.length;
    return {
      shard: `shard-${i}.h5`,
      rows,
      networks: [i * rows, (i + 1) * rows - 1],
      input,
      ...(several ? { architecture: miniArchitecture(kind).spec } : {}),
    };
  });
  const recipe = { name: 'mini', codes: { optimizer: ['sgd', 'adam'] } };
  const header = { recipe, seed: 3, generator: 'test 1' };
  await generateZoo({
    folder,
    header: several ? header : { ...header, architecture: miniArchitecture(kinds[0]!).spec },
    chunks,
    task: { module: new URL('./mini-zoo.ts', import.meta.url).href, name: 'makeMiniRows' },
    executor: inlineExecutor(),
  });
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the app; `killWhen` sees what it prints and says when to kill it. */
export function runScript(
  script: string,
  args: readonly string[],
  killWhen?: (printed: string) => boolean,
): Promise<Ended> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=@weightspace/source',
      '--import',
      'ts-blank-space/register',
      join(root, 'apps/generalization-prediction/src', script),
      ...args,
    ],
    { cwd: root, env: { ...process.env, MLFLOW_TRACKING_URI: '' } },
  );
  let [stdout, stderr] = ['', ''];
  const see = () => {
    if (killWhen?.(stdout + stderr)) child.kill('SIGKILL');
  };
  child.stdout.on('data', (text) => {
    stdout += String(text);
    see();
  });
  child.stderr.on('data', (text) => {
    stderr += String(text);
    see();
  });
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })));
}

export const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
export const onlyRun = (folder: string, prefix = 'generalization-'): string =>
  join(
    folder,
    readdirSync(folder).find((name) => name.startsWith(prefix))!,
  );
