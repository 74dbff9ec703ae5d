/** @file Small zoos in a temporary folder, and scripts of the app. */
import { join } from 'node:path';

import { importScript, startScript } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';
import { generateZoo, inlineExecutor } from '@weightspace/zoo';
import type { Chunk } from '@weightspace/zoo';

import { EPOCHS, miniArchitecture } from './mini-zoo.ts';
import type { MiniInput } from './mini-zoo.ts';

const root = join(import.meta.dirname, '..', '..', '..');

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

const fileOf = (script: string): string => join(root, 'apps/generalization-prediction/src', script);

/** Starts `train` as a process of its own, and kills it once `killWhen` has seen what it waits for. */
export const killTrain = (args: readonly string[], killWhen: (printed: string) => boolean): Promise<Ended> =>
  startScript(fileOf('train.ts'), args, { cwd: root, killWhen }).ended;

/** What a script of the app does with arguments, without a process of its own; once for each script. */
export const importAppScript = (script: string, args: readonly string[]): Promise<Ended> =>
  importScript(fileOf(script), args);
