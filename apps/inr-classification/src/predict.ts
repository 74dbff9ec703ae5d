/** @file `nx run inr-classification:predict`: class and probabilities for networks in files. */
import { extname } from 'node:path';

import { loadSafetensors } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { newestRun, runCommand, UsageError, wholeNumber } from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';
import { openZoo } from '@weightspace/zoo';

import { compileLogits } from './classifier.ts';
import { checkArchitecture, loadClassifier } from './saved-classifier.ts';
import type { Classifier } from './saved-classifier.ts';
import { logitsOf } from './evaluation.ts';

interface Options {
  readonly run?: string;
  readonly limit: number;
  readonly json: boolean;
}

const predict: ProjectCommand<Options> = {
  name: 'inr-classification:predict',
  description:
    "Reads the class from networks' weights: those of a zoo (folder or .h5), or one network in a .safetensors file.",
  options: (command) =>
    command
      .argument(
        '<files...>',
        'zoos or safetensors files; a file has one tensor per parameter, such as layer1.weight [32, 2]',
      )
      .option('--run <folder>', 'folder of a finished training; the newest when absent')
      .option('--limit <n>', 'networks of a zoo to read', wholeNumber(1), 10)
      .option('--json', 'one JSON object per network', false),
  examples: [
    '-- data/mnist-siren/sample',
    '-- data/mnist-siren/sample/shard-0019.h5 --limit 3 --json',
    '-- network.safetensors --run runs/<run>',
  ],
  run,
};

async function run(options: Options, files: readonly string[], print: (line: string) => void): Promise<void> {
  const classifier = loadClassifier(options.run ?? newestRun('inr-classification', 'classifier.json'));
  const logits = compileLogits(classifier.model);
  for (const file of files) {
    const { weights, count } = await weightsFrom(file, classifier, options.limit);
    const rows = await logitsOf(logits, classifier.params, classifier.fixed, { weights }, [...Array(count).keys()]);
    rows.forEach((row, i) => print(lineOf(file, i, softmax(row), classifier.classes, options.json)));
  }
  await logits.release();
}

/** The networks of a file, stacked. */
async function weightsFrom(
  file: string,
  classifier: Classifier,
  limit: number,
): Promise<{ readonly weights: NdArrays; readonly count: number }> {
  if (extname(file) === '.safetensors')
    return { weights: oneNetwork(file, loadSafetensors(file), classifier), count: 1 };
  const zoo = await openZoo(file);
  try {
    checkArchitecture(classifier, file, zoo.architecture);
    return { weights: zoo.parameters(), count: Math.min(limit, zoo.count) };
  } finally {
    zoo.close();
  }
}

/** @throws {UsageError} when a parameter is missing or of another shape */
function oneNetwork(file: string, arrays: NdArrays, { architecture }: Classifier): NdArrays {
  return Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => {
      const found = arrays[name];
      if (found?.shape.join() !== shape.join() || found.dtype !== 'float32') {
        const there = found
          ? `${found.dtype} [${found.shape.join(', ')}]`
          : `nothing (the file has ${listed(Object.keys(arrays))})`;
        throw new UsageError(
          `${file}: expected ${name} as float32 [${shape.join(', ')}], found ${there}; the classifier reads networks ${architecture.signature}`,
        );
      }
      return [name, { ...found, shape: [1, ...shape] } as NdArray];
    }),
  );
}

const listed = (names: readonly string[], most = 6): string =>
  names.length === 0
    ? 'no tensors'
    : `${names.slice(0, most).join(', ')}${names.length > most ? `, … ${names.length} tensors in all` : ''}`;

function softmax(row: readonly number[]): number[] {
  const largest = Math.max(...row);
  const powers = row.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

function lineOf(
  file: string,
  index: number,
  probabilities: readonly number[],
  classes: readonly string[],
  json: boolean,
): string {
  const best = probabilities.indexOf(Math.max(...probabilities));
  if (json)
    return JSON.stringify({
      file,
      index,
      class: classes[best],
      probabilities: Object.fromEntries(classes.map((name, i) => [name, probabilities[i]])),
    });
  const others = classes
    .map((name, i) => [name, probabilities[i]!] as const)
    .filter(([name]) => name !== classes[best]);
  const next = others.sort((a, b) => b[1] - a[1]).slice(0, 2);
  return `${file}#${index}: ${classes[best]} (${percent(probabilities[best]!)}); then ${next.map(([name, p]) => `${name} (${percent(p)})`).join(', ')}`;
}

const percent = (p: number): string => `${(100 * p).toFixed(1)} %`;

process.exitCode = await runCommand(predict, process.argv.slice(2));
