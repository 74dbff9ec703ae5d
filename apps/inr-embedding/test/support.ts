/** @file A small zoo in a temporary folder, and the command run as a process. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { initialize, siren } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import { dwsRecipe, writeShard } from '@weightspace/zoo';

export const root = join(import.meta.dirname, '..', '..', '..');

/** A folder that the test removes. */
export function temporaryFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'inr-embedding-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** 40 networks as they are before training; 30 for training, 10 for testing. */
export async function writeSmallZoo(file: string): Promise<void> {
  const sizes = [2, 5, 4, 1];
  const architecture = siren({ sizes, omega: 10, outputOffset: 0.5 });
  const count = 40;
  await writeShard(
    file,
    { architecture: architecture.spec, recipe: { ...dwsRecipe, sizes, omega: 10 }, seed: 5, generator: 'test' },
    {
      parameters: initialize(architecture, RandomStream.fromSeed(5), { count }),
      target: {
        label: ndarray(
          Int32Array.from({ length: count }, (_, i) => i % 2),
          [count],
        ),
        size: ndarray(
          Float32Array.from({ length: count }, (_, i) => i),
          [count],
        ),
      },
      fit: { psnr: ndarray(new Float32Array(count).fill(30), [count]) },
      split: Uint8Array.from({ length: count }, (_, i) => (i < 30 ? 0 : 2)),
    },
  );
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the experiment; `killWhen` sees what it prints and says when to kill it. */
export function train(args: readonly string[], killWhen?: (printed: string) => boolean): Promise<Ended> {
  const script = join(root, 'apps/inr-embedding/src/train.ts');
  const child = spawn(
    process.execPath,
    ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register', script, ...args],
    { cwd: root, env: { ...process.env, MLFLOW_TRACKING_URI: '' } },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += String(text);
    if (killWhen?.(stdout)) child.kill('SIGKILL');
  });
  child.stderr.on('data', (text) => (stderr += String(text)));
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })));
}

export const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
