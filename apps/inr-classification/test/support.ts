/** @file A small zoo in a temporary folder, and commands run as processes. */
import { join } from 'node:path';

import { initialize, siren } from '@weightspace/architecture';
import { mapValues, ndarray, RandomStream } from '@weightspace/compute';
import { startScript } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';
import { dwsRecipe, writeShard } from '@weightspace/zoo';

const root = join(import.meta.dirname, '..', '..', '..');
export const SIZES = [2, 5, 4, 1];

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

/** Runs a command of the app; `killWhen` sees what it prints and says when to kill it. */
export const runScript = (
  script: string,
  args: readonly string[],
  killWhen?: (printed: string) => boolean,
): Promise<Ended> =>
  startScript(join(root, 'apps/inr-classification/src', script), args, { cwd: root, killWhen }).ended;
