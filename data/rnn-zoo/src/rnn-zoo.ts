/** @file Recurrent networks that learn to add, trained many times by settings that are drawn. */
import { rnn } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';
import { countOption, logUniform, oneOf } from '@weightspace/network-zoo';
import type { DrawnRun, TrainingZoo } from '@weightspace/network-zoo';
import { standardRun } from '@weightspace/zoo';

import { additionTask, tokens } from './addition.ts';
import type { AdditionInput } from './addition.ts';

const cells = ['rnn', 'gru', 'lstm'] as const;

/**
 * What is drawn, from where to where.
 *
 * Source: Zhou, Finn, Harrison 2024, arXiv:2402.05232, section 4.1: Adam's rate, log-uniform. Departs: they have one GRU of
 * 128 neurons, rates from 1e-4 to 1e-2 and batches of 64, 128 or 256; the other settings are ours.
 */
export const ranges = {
  cell: cells,
  hidden: [16, 32, 64],
  learningRate: { low: 3e-4, high: 3e-2, scale: 'log' },
  weightDecay: { low: 1e-6, high: 1e-1, scale: 'log' },
  dropout: { low: 0, high: 0.2, scale: 'linear' },
  trainShare: [0.1, 0.25, 0.5, 1],
} as const;
/** Backpropagation through many steps has gradients that explode. */
const CLIP_NORM = 1;
const EMBEDDING = 8;

export const recurrent = (cell: (typeof cells)[number], hidden: number, digits: number): Architecture =>
  rnn({
    cell,
    steps: 2 * digits + 1,
    vocabulary: tokens.length,
    embedding: EMBEDDING,
    hidden: [hidden],
    gives: 'sequence',
    outputs: 10,
    name: `${cell} ${hidden}`,
  });

export function drawRnn(stream: RandomStream, digits: number): DrawnRun {
  const between = ({ low, high }: { readonly low: number; readonly high: number }) => logUniform(stream, low, high);
  const [cell, hidden] = [oneOf(stream, ranges.cell), oneOf(stream, ranges.hidden)];
  const [learningRate, weightDecay] = [between(ranges.learningRate), between(ranges.weightDecay)];
  const dropout = ranges.dropout.high * stream.next();
  const trainShare = oneOf(stream, ranges.trainShare);
  const run = { ...standardRun, learningRate, weightDecay, dropout, trainShare, clipNorm: CLIP_NORM };
  return { architecture: recurrent(cell, hidden, digits), run, more: { family: cell, hidden } };
}

export interface RnnSettings {
  readonly digits: number;
  readonly trainQuestions: number;
  readonly validationQuestions: number;
  readonly testQuestions: number;
  readonly probeQuestions: number;
}

/** Questions are the same whatever the zoo's seed is. */
const dataOf = (settings: RnnSettings): AdditionInput => ({
  seed: 0,
  digits: settings.digits,
  train: settings.trainQuestions,
  validation: settings.validationQuestions,
  test: settings.testQuestions,
  probe: Math.min(settings.probeQuestions, settings.trainQuestions),
});

const run = 'npx nx run data-rnn-zoo:generate';

export const rnnZoo: TrainingZoo<RnnSettings> = {
  name: 'rnn-zoo',
  version: '0.1.0',
  description: 'Trains recurrent networks to add numbers digit by digit, and keeps them in a zoo.',
  options: [
    countOption('--digits <n>', 'of each of the two numbers', 5),
    countOption('--train-questions <n>', 'questions of which a network sees its share', 10_000),
    countOption('--validation-questions <n>', 'questions that no network sees; 0: none', 500),
    countOption('--test-questions <n>', 'questions that accuracies are measured on', 1000),
    countOption('--probe-questions <n>', 'training questions that their accuracies are measured on', 500),
  ],
  examples: [
    [run, '140 networks, the shipped sample again'],
    [`${run}:full`, '4,000 networks'],
  ],
  defaults: { networks: 140, epochs: 6, batch: 64, checkpoints: [6] },
  draw: (stream, { digits }) => drawRnn(stream, digits),
  codes: { family: cells },
  data: (settings) => additionTask(dataOf(settings)),
  notes: (settings) => ({
    recipe: { name: 'rnn-zoo', task: 'addition', questions: dataOf(settings), clipNorm: CLIP_NORM, ranges },
  }),
};
