/** @file `nx run inr-classification:evaluate`: a trained classifier on a zoo's split. */
import { writeFileSync } from 'node:fs';

import { openZoo, SPLITS } from '@weightspace/zoo';
import type { SplitName } from '@weightspace/zoo';
import { Command, Option } from 'commander';

import { compileLogits } from './classifier.ts';
import { newestRun, runCommand } from './command.ts';
import { checkArchitecture, loadClassifier } from './saved-classifier.ts';
import { accuracy, predict } from './train-classifier.ts';
import { loadZooData } from './zoo-data.ts';

interface Options {
  readonly run?: string;
  readonly zoo: string;
  readonly split: SplitName;
  readonly summary?: string;
}

async function main(): Promise<void> {
  const command = new Command('inr-classification:evaluate')
    .description('Accuracy of a trained classifier on a split of a zoo, with its 95 % interval.')
    .option('--run <folder>', 'folder of a finished training; the newest when absent')
    .option('--zoo <path>', 'folder or file of the zoo', 'data/mnist-siren/sample')
    .addOption(new Option('--split <name>', 'which networks').choices(SPLITS).default('test'))
    .option('--summary <file>', 'write the numbers as JSON')
    .exitOverride();
  const options = command.parse().opts<Options>();
  const classifier = loadClassifier(options.run ?? newestRun());
  const zoo = await openZoo(options.zoo);
  checkArchitecture(classifier, options.zoo, zoo.architecture);
  zoo.close();
  const data = await loadZooData(options.zoo);
  const rows = data[options.split];
  const logits = compileLogits(classifier.model);
  const predictions = await predict(logits, classifier.params, classifier.fixed, data, rows);
  const share = accuracy(predictions, data, rows);
  const half = 1.96 * Math.sqrt((share * (1 - share)) / rows.length);
  process.stdout.write(
    `${options.split} accuracy ${(100 * share).toFixed(2)} % ± ${(100 * half).toFixed(2)} on ${rows.length} networks of ${options.zoo}\n`,
  );
  if (options.summary !== undefined)
    writeFileSync(
      options.summary,
      `${JSON.stringify({ [`${options.split}/accuracy`]: share, networks: rows.length }, null, 2)}\n`,
    );
  await logits.release();
}

await runCommand(main);
