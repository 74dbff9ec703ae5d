/** @file `weightspace import-zoo`: a public zoo of trained networks as one of ours. */
import { Argument, Command, InvalidArgumentError } from 'commander';

import type { ImportSettings } from '../tasks/import-public-zoo.ts';
import { wholeNumber } from './options.ts';

const FORMATS = ['small-cnn-zoo', 'cnn-wild-park', 'model-zoo-dataset'];

const epochs = (text: string): number[] => text.split(',').map(wholeNumber(0));

const shares = (text: string): ImportSettings['shares'] => {
  const [train, validation, test, ...more] = text.split(',').map(Number);
  const all = [train, validation, test];
  if (more.length === 0 && all.every((share) => share !== undefined && share >= 0) && all.some((share) => share! > 0))
    return { train: train!, validation: validation!, test: test! };
  throw new InvalidArgumentError('it must be three numbers ≥ 0, such as 70,15,15.');
};

const HELP = `
Formats, and what the folder must hold:
  small-cnn-zoo       weights.npy, metrics.csv.gz and layout.csv of one of its four sets
                      (Unterthiner et al. 2020, arXiv:2002.11448); with split.csv of nfn beside them, or --split, their split
  cnn-wild-park       cnn_park_splits.json and RUN/checkpoint_000010/checkpoint.pt, …
                      (Kofinas et al. 2024, arXiv:2403.12143)
  model-zoo-dataset   a folder for each run with params.json, result.json and checkpoint_000000/checkpoints, …
                      (Schürholt et al. 2022, arXiv:2209.14764, the raw zoos)

Examples:
  npx weightspace import-zoo small-cnn-zoo downloads/cifar10 --to zoos/cifar10-gs --final
  npx weightspace import-zoo cnn-wild-park downloads/cnn_wild_park --to zoos/wild-park

All weights are read twice, to check that they are finite and to write them. Nothing in a PyTorch file is executed. An import
that was stopped goes on with --resume, and ends with the same bytes as if it had not been.

Exit codes: 0 done, 1 failed (the message names the file and the row), 2 wrong usage, 130 interrupted (go on with --resume).`;

export const importZoo = (): Command =>
  new Command('import-zoo')
    .description('Turns a public zoo of trained networks, as it was downloaded, into a zoo of this workspace.')
    .addArgument(new Argument('<format>', 'which public zoo it is').choices(FORMATS))
    .argument('<folder>', 'where its files are')
    .requiredOption('--to <folder>', 'where the new zoo goes')
    .option('--epochs <list>', 'only checkpoints of these epochs, such as 1,20,86', epochs)
    .option('--final', 'only the last checkpoint of each run', false)
    .option('--runs <n>', 'only the first n runs', wholeNumber(1))
    .option('--split <file>', 'a file with the published split, where it is not in the folder')
    .option('--own-split', 'split the runs anew, also where there is a published split', false)
    .option('--shares <list>', 'train, validation, test, where runs are split anew; 70,15,15 when absent', shares)
    .option('--seed <n>', 'of the split', wholeNumber(0), 0)
    .option('--skip-broken', 'leave out runs whose files are damaged, and list them', false)
    .option('--threads <n>', 'cores to use; all when absent', wholeNumber(1))
    .option('--resume', 'continue what is in the new folder', false)
    .option('--quiet', 'no progress', false)
    .addHelpText('after', HELP)
    .action(async (format: string, folder: string, settings: ImportSettings) => {
      const { importPublicZoo } = await import('../tasks/import-public-zoo.ts');
      process.exitCode = await importPublicZoo(format, folder, settings);
    });
