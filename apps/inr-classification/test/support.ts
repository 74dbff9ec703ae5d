/** @file A small zoo in a temporary folder, and commands run as processes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { initialize, siren } from '@weightspace/architecture';
import { mapValues, ndarray, RandomStream } from '@weightspace/compute';
import { dwsRecipe, writeShard } from '@weightspace/zoo';

export const root = join(import.meta.dirname, '..', '..', '..');
export const SIZES = [2, 5, 4, 1];

/** A folder that the test removes. */
export function temporaryFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'inr-classification-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** 60 networks of two classes, told apart by the size of their weights; 40 for training, 20 for testing. */
export async function writeSmallZoo(file: string, sizes: readonly number[] = SIZES, target = 'label'): Promise<void> {
  const architecture = siren({ sizes, omega: 30, outputOffset: 0.5 });
  const count = 60;
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  const start = initialize(architecture, RandomStream.fromSeed(5), { count });
  const parameters = mapValues(start, (array) => {
    const stride = array.data.length / count;
    return ndarray(
      Float32Array.from(array.data, (x, at) => x * (labels[Math.floor(at / stride)] === 1 ? 2 : 0.4)),
      array.shape,
    );
  });
  const recipe = { ...dwsRecipe, sizes };
  await writeShard(
    file,
    { architecture: architecture.spec, recipe, seed: 5, generator: 'test' },
    {
      parameters,
      target: { [target]: ndarray(labels, [count]) },
      fit: { psnr: ndarray(new Float32Array(count).fill(30), [count]) },
      split: Uint8Array.from({ length: count }, (_, i) => (i < 40 ? 0 : 2)),
    },
  );
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
      join(root, 'apps/inr-classification/src', script),
      ...args,
    ],
    {
      cwd: root,
      env: { ...process.env, MLFLOW_TRACKING_URI: '' },
    },
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
export const onlyRun = (folder: string, prefix = 'inr-classification-'): string =>
  join(
    folder,
    readdirSync(folder).find((name) => name.startsWith(prefix))!,
  );
