/** @file The command `generate` of the projects in data/: fits SIRENs to the images of a set and keeps them as a zoo. */
import { join } from 'node:path';

import { countOption, positiveNumber, runZooCommand } from '@weightspace/network-zoo';
import { sirenRecipes } from '@weightspace/zoo';
import type { MixedZoo } from '@weightspace/zoo';
import { Option } from 'commander';

import { fitTask } from './fit-images.ts';
import { projectName, zooName } from './image-zoo.ts';
import type { ImageZoo } from './image-zoo.ts';
import { chunksOf, headerOf } from './plan.ts';
import type { ZooPlan } from './plan.ts';

interface Settings {
  readonly recipe: string;
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly steps?: number;
  readonly rate?: number;
  readonly start: 'image' | 'shared';
}

const optionsOf = ({ images }: ImageZoo): Option[] => [
  new Option('--recipe <name>', 'how they are fitted').choices(Object.keys(sirenRecipes)).default('dws'),
  new Option('--start <kind>', 'each image its own random start, or one for all')
    .choices(['image', 'shared'])
    .default('image'),
  countOption('--train <n>', `${images} for training`, 2000),
  countOption('--validation <n>', `${images} for validation`, 0),
  countOption('--test <n>', `${images} for testing`, 500),
  countOption('--steps <n>', "steps of Adam; the recipe's own when absent"),
  new Option('--rate <x>', "peak learning rate of Adam; the recipe's own when absent").argParser(positiveNumber),
];

const examplesOf = (zoo: ImageZoo): readonly (readonly [string, string])[] => {
  const run = `npx nx run ${projectName(zoo)}:generate`;
  return [
    [run, `2,000 + 500 ${zoo.images}, DWS recipe`],
    [`${run}:full`, 'the whole set: 55,000 + 5,000 + 10,000'],
    [`${run} -- --recipe nfn --train 10000`, 'another recipe, another size'],
  ];
};

/** Median and spread of the fits' quality. */
function describe(zoo: MixedZoo): string {
  const psnr = Float64Array.from(zoo.fit('psnr').data).sort();
  const at = (share: number) => psnr[Math.min(psnr.length - 1, Math.floor(share * psnr.length))]!.toFixed(1);
  return `${zoo.count} networks; PSNR in dB: median ${at(0.5)}, 5 % below ${at(0.05)}, 5 % above ${at(0.95)}`;
}

/** Reads the command line, makes the zoo, and sets the exit code. */
export const generateSirens = (zoo: ImageZoo): Promise<void> =>
  runZooCommand<Settings>({
    project: projectName(zoo),
    description: `Fits one SIREN to each of many ${zoo.images} and keeps them in a zoo.`,
    options: optionsOf(zoo),
    folders: `zoos/${zooName(zoo)}-<recipe>-<train>`,
    examples: examplesOf(zoo),
    plan: (settings) => {
      const recipe = sirenRecipes[settings.recipe]!;
      const { steps = recipe.steps, rate = recipe.rate, start } = settings;
      const plan: ZooPlan = { ...settings, zoo, recipe: { ...recipe, steps, rate, start } };
      const folder = join('zoos', `${zooName(zoo)}-${settings.recipe}-${settings.train}`);
      const [chunks, label] = [chunksOf(plan), `fit ${settings.recipe}`];
      return { header: headerOf(plan), chunks, task: fitTask, folder, label, unit: zoo.images };
    },
    describe,
  });
