/** @file `nx run inr-classification:evaluate`: a trained classifier on a zoo's split. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { deviceSettings } from '@weightspace/compute';
import {
  checkWritable,
  commitText,
  gitState,
  newestRun,
  runCommand,
  Stopwatch,
  writeJson,
} from '@weightspace/experiment';
import type { ProjectCommand, Summary } from '@weightspace/experiment';
import { SPLITS } from '@weightspace/zoo';
import type { SplitName } from '@weightspace/zoo';
import { Option } from 'commander';

import { compileLogits } from './classifier.ts';
import { checkArchitecture, loadClassifier } from './saved-classifier.ts';
import { accuracy, predict } from './evaluation.ts';
import { loadZooData } from './zoo-data.ts';

interface Options {
  readonly run?: string;
  readonly zoo: string;
  readonly split: SplitName;
  readonly summary?: string;
}

const evaluate: ProjectCommand<Options> = {
  name: 'inr-classification:evaluate',
  description: 'Accuracy of a trained classifier on a split of a zoo, with its 95 % interval.',
  options: (command) =>
    command
      .option('--run <folder>', 'folder of a finished training; the newest when absent')
      .option('--zoo <path>', 'folder or file of the zoo', 'data/mnist-siren/sample')
      .addOption(new Option('--split <name>', 'which networks').choices(SPLITS).default('test'))
      .option('--summary <file>', 'write a summary as JSON, of the same form as that of a training'),
  examples: ['', '-- --split train', '-- --zoo zoos/mnist-siren-dws-10000 --run runs/<run>'],
  run,
};

async function run(options: Options, _args: readonly string[], print: (line: string) => void): Promise<void> {
  if (options.summary !== undefined) checkWritable(options.summary, '--summary');
  const watch = new Stopwatch();
  const folder = options.run ?? newestRun('inr-classification', 'classifier.json');
  const classifier = loadClassifier(folder);
  const data = await loadZooData(options.zoo, 0, [options.split]);
  checkArchitecture(classifier, options.zoo, data.architecture);
  const rows = data[options.split];
  const logits = compileLogits(classifier.model);
  const predictions = await predict(logits, classifier.params, classifier.fixed, data, rows);
  await logits.release();
  const share = accuracy(predictions, data, rows);
  const half = 1.96 * Math.sqrt((share * (1 - share)) / rows.length);
  print(
    `${options.split} accuracy ${(100 * share).toFixed(2)} % ± ${(100 * half).toFixed(2)} on ${rows.length} networks of ${options.zoo} by ${folder}`,
  );
  if (options.summary === undefined) return;
  const summary: Summary = {
    experiment: 'inr-classification:evaluate',
    config: { run: folder, zoo: options.zoo, split: options.split },
    seed: seedOf(folder),
    metrics: { [`${options.split}/accuracy`]: share, [`${options.split}/networks`]: rows.length },
    baselines: {},
    seconds: Math.round(watch.seconds * 1000) / 1000,
    device: deviceSettings().device,
    commit: commitText(gitState()),
    artifacts: [],
  };
  writeJson(options.summary, summary, 'the summary');
}

/** The seed that the classifier was trained with; 0 where its folder doesn't say. */
function seedOf(run: string): number {
  try {
    return (JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as { seed?: number }).seed ?? 0;
  } catch {
    return 0;
  }
}

process.exitCode = await runCommand(evaluate, process.argv.slice(2));
