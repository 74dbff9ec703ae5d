/** @file Image classifiers of many kinds, each architecture trained by several drawn settings. */
import type { Architecture } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';
import { imageSetReader } from '@weightspace/dataset';
import { imageDataOf, imageOptions, imagePositions, imageTask, logUniform, oneOf } from '@weightspace/network-zoo';
import type { DrawnRun, ImageSettings, TrainingSettings, TrainingZoo } from '@weightspace/network-zoo';
import { standardRun } from '@weightspace/zoo';

import { families, familyNames } from './families.ts';

/** What is drawn for each run; a recipe of our own. */
export const ranges = {
  optimizer: ['adam', 'rmsprop', 'momentum', 'sgd'],
  /** Of adam and rmsprop; ten times as much for momentum and a hundred times for sgd. */
  learningRate: { low: 1e-4, high: 1e-2, scale: 'log', times: { adam: 1, rmsprop: 1, momentum: 10, sgd: 100 } },
  weightDecay: { low: 1e-6, high: 1e-2, scale: 'log' },
  schedule: ['constant', 'cosine'],
  dropout: { low: 0, high: 0.2, scale: 'linear' },
  initScale: { low: 0.5, high: 2, scale: 'log' },
  trainShare: [0.25, 0.5, 1],
  labelNoise: [0, 0.1, 0.3],
} as const;

export function drawDiverseRun(stream: RandomStream, architecture: Architecture, family: string): DrawnRun {
  const between = ({ low, high }: { readonly low: number; readonly high: number }) => logUniform(stream, low, high);
  const optimizer = oneOf(stream, ranges.optimizer);
  const learningRate = between(ranges.learningRate) * ranges.learningRate.times[optimizer];
  const [schedule, weightDecay] = [oneOf(stream, ranges.schedule), between(ranges.weightDecay)];
  const dropout = ranges.dropout.high * stream.next();
  const initScale = between(ranges.initScale);
  const [trainShare, labelNoise] = [oneOf(stream, ranges.trainShare), oneOf(stream, ranges.labelNoise)];
  const run = {
    ...standardRun,
    optimizer,
    learningRate,
    schedule,
    weightDecay,
    dropout,
    initScale,
    trainShare,
    labelNoise,
  };
  return { architecture, run, more: { family } };
}

/** Families take turns, so that there are equally many architectures of each. */
function draw(
  stream: RandomStream,
  settings: ImageSettings & TrainingSettings,
  number: number,
  shared: RandomStream,
): DrawnRun {
  const group = Math.floor(number / (settings.runsEach ?? RUNS_EACH));
  const name = familyNames[group % familyNames.length]!;
  const family = families[name]!;
  const architecture = family.draw(shared, imagePositions(settings));
  return { ...drawDiverseRun(stream, architecture, name), data: imageTask(settings, family.form) };
}

const RUNS_EACH = 5;
const run = 'npx nx run data-diverse-zoo:generate';

export const diverseZoo: TrainingZoo<ImageSettings> = {
  name: 'diverse-zoo',
  version: '0.1.0',
  description: 'Trains image classifiers of many kinds, and keeps them in a zoo.',
  options: imageOptions({
    images: 'mnist',
    shrink: 2,
    trainImages: 4000,
    validationImages: 500,
    testImages: 2000,
    probeImages: 500,
  }),
  examples: [
    [run, '120 networks, the shipped sample again'],
    [`${run}:full`, '1,440 networks'],
    [`${run} -- --images fashion-mnist`, 'on pictures of clothes'],
  ],
  defaults: { networks: 120, epochs: 5, batch: 16, checkpoints: [5] },
  runsEach: RUNS_EACH,
  variant: ({ images, shrink }) => (shrink === 2 ? images : `${images}-${imagePositions({ images, shrink })[0]}`),
  draw,
  codes: { family: familyNames },
  data: (settings) => imageTask(settings),
  notes: (settings) => {
    const { form: _, ...images } = imageDataOf(settings);
    const forms = Object.fromEntries(familyNames.map((name) => [name, families[name]!.form]));
    return {
      recipe: { name: 'diverse-zoo', images, forms, range: [-1, 1], runsEach: settings.runsEach, ranges },
      classes: imageSetReader(settings.images).classes,
    };
  },
};
