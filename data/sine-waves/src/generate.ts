/** @file `nx run data-sine-waves:generate`: fits SIRENs to sine waves and keeps them as a zoo. */
import { countOption, runZooCommand } from '@weightspace/network-zoo';
import type { MixedZoo } from '@weightspace/zoo';

import { waveRecipe } from './fit-waves.ts';
import { chunksOf, headerOf } from './plan.ts';

interface Settings {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly copies: number;
  readonly steps: number;
}

/** Median and spread of the fits' error. */
function describe(zoo: MixedZoo): string {
  const loss = Float64Array.from(zoo.fit('loss').data).sort();
  const at = (share: number) => loss[Math.min(loss.length - 1, Math.floor(share * loss.length))]!.toPrecision(2);
  return `${zoo.count} networks; mean squared error: median ${at(0.5)}, 5 % above ${at(0.95)}`;
}

await runZooCommand<Settings>({
  project: 'data-sine-waves',
  description: 'Fits one SIREN to each of many waves a sin(b x) and keeps them in a zoo.',
  options: [
    countOption('--train <n>', 'waves for training', 1000),
    countOption('--validation <n>', 'waves for validation', 0),
    countOption('--test <n>', 'waves for testing', 250),
    countOption('--copies <n>', 'networks for each wave', waveRecipe.copies),
    countOption('--steps <n>', 'steps of Adam', waveRecipe.steps),
  ],
  folders: 'zoos/sine-waves-<train>',
  plan: (settings) => {
    const { copies, steps, train } = settings;
    if (copies < 1) throw new RangeError('generate: --copies must be 1 or more, got 0');
    const plan = { ...settings, recipe: { ...waveRecipe, copies, steps } };
    return {
      header: headerOf(plan),
      chunks: chunksOf(plan),
      task: { module: new URL('./fit-waves.ts', import.meta.url).href, name: 'fitWaves' },
      folder: `zoos/sine-waves-${train}`,
      label: 'fit waves',
      unit: 'networks',
    };
  },
  describe,
});
