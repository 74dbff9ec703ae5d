/** @file A small zoo in a temporary folder, and the command run as a process. */
import { join } from 'node:path';

import { initialize, siren } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import { startScript } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';
import { dwsRecipe, writeShard } from '@weightspace/zoo';

const root = join(import.meta.dirname, '..', '..', '..');

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
      target: { label: ndarray(new Int32Array(count), [count]) },
      fit: { psnr: ndarray(new Float32Array(count).fill(30), [count]) },
      split: Uint8Array.from({ length: count }, (_, i) => (i < 30 ? 0 : 2)),
    },
  );
}

/** Runs the experiment; `killWhen` sees what it prints and says when to kill it. */
export const train = (args: readonly string[], killWhen?: (printed: string) => boolean): Promise<Ended> =>
  startScript(join(root, 'apps/inr-editing/src/train.ts'), args, { cwd: root, killWhen }).ended;
