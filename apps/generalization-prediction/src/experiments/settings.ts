/** @file Settings that all experiments of the app share. */
import type { Rules } from '@weightspace/experiment';

import { losses } from '../models/loss.ts';
import { batchings } from '../models/make-learner.ts';
import { problemOfRecipes } from '../models/models.ts';
import { recipes, standardTraining } from '../models/recipes.ts';
import { heldOutKinds } from '../splits/held-out.ts';
import { choices } from '../training/train-predictor.ts';

export const quickZoo = 'data/cnn-zoo/sample';
export const zooConfigurations = {
  'cnn-zoo': { zoo: 'zoos/cnn-zoo-mnist-4000' },
  'cnn-zoo-fashion': { zoo: 'zoos/cnn-zoo-fashion-mnist-4000' },
  'cnn-park': { zoo: 'zoos/cnn-park-fashion-mnist-640' },
  'diverse-zoo': { zoo: 'zoos/diverse-zoo-mnist-1440' },
  'rnn-zoo': { zoo: 'zoos/rnn-zoo-4000' },
} as const;

/** Each zoo's, with one for minutes on the shipped sample; `full` is that of the paper's zoo. */
export const configurations = <Q extends object>(quick: Q) => ({
  quick,
  full: zooConfigurations['cnn-zoo'],
  ...zooConfigurations,
});

export const shared = {
  /** Folder of the zoo. */
  zoo: quickZoo,
  /** Further zoos whose rows are added; mostly to be held out. */
  otherZoos: [] as readonly string[],
  /** Only rows that fulfil conditions; all when empty. */
  where: '',
  target: 'test-accuracy',
  /** Share of the training's runs. */
  share: 1,
  /** Samples of runs for intervals. */
  samples: 1000,
};

/** What holds for every training of several models; `null` leaves a recipe's own. */
export const sharedTraining = { ...standardTraining };

export const seeds = [0, 1, 2] as readonly number[];

export const trainingRules: Rules = {
  'training.epochs': { integer: true, min: 1 },
  'training.batch': { integer: true, min: 1 },
  'training.rate': { min: 0 },
  'training.warmUp': { min: 0, max: 1 },
  'training.weightDecay': { min: 0 },
  'training.clip': { min: 0 },
  'training.loss': [...losses],
  'training.choose': [...choices],
  'training.batching': [...batchings],
  'training.looks': { integer: true, min: 1 },
  share: { min: 0, max: 1 },
  samples: { integer: true, min: 1 },
};

export const descriptions = {
  zoo: 'folder of the zoo',
  otherZoos: 'further zoos whose rows are added, e.g. to be held out by zoo=<name>',
  where: 'only rows with this, as in heldOut: activation=relu&epoch>=2; all when empty',
  target: 'column that is predicted',
  share: "share of the training's runs",
  samples: 'samples of runs for the intervals of one measure',
  seeds: 'each model is trained once per seed',
  models: `recipes, of ${Object.keys(recipes).join(', ')}`,
  heldOut: heldOutKinds()
    .map(({ kind, description }) => `${kind}: ${description}`)
    .join('; '),
  colours: 'column that colours the points',
  'training.loss': 'bce for shares in [0, 1], mse for any number',
  'training.choose': 'by what the validation split chooses the epoch',
  'training.looks': 'how many times a training looks at the validation split',
  'training.batching':
    'how several architectures share a step; grouped compiles a graph for each, packed takes any mixture',
} as const;

export const problemOfSeeds = (own: readonly number[]): string | undefined => {
  const wrong = own.some((seed) => !Number.isInteger(seed) || seed < 0);
  return own.length === 0 || wrong || new Set(own).size !== own.length
    ? `seeds: must be one or more different whole numbers, got ${JSON.stringify(own)}`
    : undefined;
};

export const problemOfModels = (models: readonly string[]): string | undefined => {
  const problem = problemOfRecipes(models);
  return problem === undefined ? undefined : `models: ${problem}`;
};
