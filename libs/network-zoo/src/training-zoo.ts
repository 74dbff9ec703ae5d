/** @file The command of zoos whose networks are trained: what a project in data/ has to say, and what it gets for it. */
import { join } from 'node:path';

import type { RandomStream } from '@weightspace/compute';
import type { Task, TrainCodes } from '@weightspace/zoo';
import { InvalidArgumentError, Option } from 'commander';

import { describeAccuracies } from './accuracies.ts';
import { trainingWork } from './training-plan.ts';
import type { DrawnRun, TrainingNotes, TrainingPlan } from './training-plan.ts';
import { countOption, runZooCommand } from './zoo-command.ts';
import type { CommonSettings, ZooWork } from './zoo-command.ts';

/** What every zoo of trained networks is told. */
export interface TrainingSettings extends CommonSettings {
  readonly networks: number;
  readonly epochs: number;
  readonly batch: number;
  readonly checkpoints: readonly number[];
  /** Only where the zoo has such an option. */
  readonly runsEach?: number;
}

/** A zoo of trained networks; `S` are the settings of its own. */
export interface TrainingZoo<S> {
  /** The project is called `data-<name>`. */
  readonly name: string;
  readonly description: string;
  /** Of what decides a zoo's bytes; a change of it makes other zoos. */
  readonly version: string;
  readonly options: readonly Option[];
  readonly examples?: readonly (readonly [call: string, does: string])[];
  readonly defaults: Pick<TrainingSettings, 'networks' | 'epochs' | 'batch' | 'checkpoints'>;
  /** What tells apart the folders of its zoos, before the number of networks, e.g. `mnist`. */
  readonly variant?: (settings: S & TrainingSettings) => string;
  /** The network of a number; draws from its stream alone, and from that of the runs that share an architecture. */
  readonly draw: (
    stream: RandomStream,
    settings: S & TrainingSettings,
    number: number,
    shared: RandomStream,
  ) => DrawnRun;
  /** Names that the numbers in `more` columns stand for. */
  readonly codes: TrainCodes;
  /** @throws {RangeError} when it can't be had */
  readonly data: (settings: S & TrainingSettings) => Task;
  readonly notes: (settings: S & TrainingSettings) => Omit<TrainingNotes, 'version'>;
  readonly stack?: number;
  readonly shardRuns?: number;
  /** There is an option `--runs-each` then: how many runs share an architecture unless it says otherwise. */
  readonly runsEach?: number;
  /** As in `TrainingPlan`. */
  readonly splitBy?: TrainingPlan['splitBy'];
}

/** For `--checkpoints`: epochs in rising order, e.g. `1,2,5`. */
function epochList(text: string): readonly number[] {
  const epochs = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (epochs.every((epoch, i) => Number.isInteger(epoch) && epoch > (epochs[i - 1] ?? -1))) return epochs;
  throw new InvalidArgumentError('it must be whole numbers in rising order, such as 1,2,5.');
}

const optionsOf = <S>({ defaults, options, runsEach }: TrainingZoo<S>): Option[] => [
  countOption('--networks <n>', 'how many are trained', defaults.networks),
  countOption('--epochs <n>', 'passes over the training examples', defaults.epochs),
  countOption('--batch <n>', 'examples in a step', defaults.batch),
  new Option('--checkpoints <epochs>', 'after which epochs networks are kept, the start being 0')
    .argParser(epochList)
    .default(defaults.checkpoints, defaults.checkpoints.join(',')),
  ...(runsEach === undefined ? [] : [countOption('--runs-each <n>', 'of them share an architecture', runsEach)]),
  ...options,
];

/** @throws {RangeError} on settings that don't fit */
export function trainingZooWork<S>(zoo: TrainingZoo<S>, settings: S & TrainingSettings): ZooWork {
  const { epochs, batch, checkpoints, networks, runsEach = 1 } = settings;
  if (epochs < 1 || batch < 1)
    throw new RangeError(`generate: --epochs and --batch must be 1 or more, got ${epochs} and ${batch}`);
  if (checkpoints.at(-1)! > epochs) {
    throw new RangeError(`generate: --checkpoints must be at most --epochs ${epochs}, got ${checkpoints.join(',')}`);
  }
  if (runsEach < 1) throw new RangeError(`generate: --runs-each must be 1 or more, got ${runsEach}`);
  const { name, codes, stack, shardRuns, splitBy } = zoo;
  const plan: TrainingPlan = {
    ...settings,
    name,
    codes,
    runsEach,
    draw: (stream, number, shared) => zoo.draw(stream, settings, number, shared),
    data: zoo.data(settings),
    ...(splitBy === undefined ? {} : { splitBy }),
    ...(stack === undefined ? {} : { stack }),
    ...(shardRuns === undefined ? {} : { shardRuns }),
  };
  const variant = zoo.variant?.(settings);
  const folder = join('zoos', [name, ...(variant === undefined ? [] : [variant]), networks].join('-'));
  const work = trainingWork(plan, { ...zoo.notes(settings), version: zoo.version });
  return { ...work, folder, label: 'train', unit: 'networks', rowsEach: checkpoints.length };
}

/** Reads the command line, makes the zoo, and sets the exit code. */
export const generateNetworks = <S>(zoo: TrainingZoo<S>): Promise<void> =>
  runZooCommand<S & Omit<TrainingSettings, keyof CommonSettings>>({
    project: `data-${zoo.name}`,
    description: zoo.description,
    options: optionsOf(zoo),
    folders: `zoos/${zoo.name}-…`,
    ...(zoo.examples ? { examples: zoo.examples } : {}),
    plan: (settings) => trainingZooWork(zoo, settings as unknown as S & TrainingSettings),
    describe: describeAccuracies,
  });
