/** @file `nx run inr-classification:zoo-size`: accuracy against the size of the zoo, per recipe, with and without probes. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  linePlot,
  plotToPng,
  runCommand,
  UsageError,
  wholeNumber,
  writeAtomically,
  writeJson,
} from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';
import { InvalidArgumentError } from 'commander';

import { weightsAlone } from './recipes.ts';

interface Options {
  readonly zoos: readonly string[];
  readonly sizes: readonly number[];
  readonly seeds: number;
  readonly steps: number;
  readonly processes: number;
  readonly out: string;
}

interface Job {
  readonly recipe: string;
  readonly zoo: string;
  readonly size: number;
  readonly probes: number;
  readonly seed: number;
}

interface Point {
  readonly recipe: string;
  readonly probes: number;
  readonly size: number;
  readonly accuracies: readonly number[];
  readonly seconds: readonly number[];
}

const BATCH = 64;
const PROBES = 64;
const list = (text: string): string[] => text.split(',');
const numbers = (text: string): number[] =>
  list(text).map((part) => {
    if (!/^\d+$/.test(part)) throw new InvalidArgumentError('it must be whole numbers with commas between them.');
    return Number(part);
  });

const zooSize: ProjectCommand<Options> = {
  name: 'inr-classification:zoo-size',
  description:
    'Trains on the first 1,000, 2,000, … networks of zoos, for equal numbers of steps, and plots the test accuracy. Finished trainings are kept and not repeated.',
  options: (command) =>
    command
      .requiredOption('--zoos <paths>', 'zoos with commas between them; each is named by its recipe', list)
      .option('--sizes <n>', 'training networks', numbers, [1000, 2000, 5000, 10000])
      .option('--seeds <n>', 'seeds per point', wholeNumber(1), 1)
      .option('--steps <n>', 'steps of each training', wholeNumber(1), 2500)
      .option('--processes <n>', 'trainings at once, each on one thread', wholeNumber(1), 2)
      .option('--out <folder>', 'where results go', 'runs/zoo-size'),
  examples: ['--zoos data/mnist-siren/sample --sizes 500,1000,2000'],
  run: async (options, _args, print) => {
    mkdirSync(options.out, { recursive: true });
    const jobs = jobsOf(options);
    await runJobs(jobs, options, print);
    await report(jobs, options, print);
  },
};

function jobsOf({ zoos, sizes, seeds }: Options): Job[] {
  return zoos.flatMap((zoo) => {
    const spec = join(zoo, 'zoo.json');
    if (!existsSync(spec))
      throw new UsageError(`${zoo}: expected a zoo's folder, found no zoo.json; check the path, or generate the zoo`);
    const recipe = (JSON.parse(readFileSync(spec, 'utf8')) as { recipe: { name: string } }).recipe.name;
    return sizes.flatMap((size) =>
      [PROBES, 0].flatMap((probes) =>
        Array.from({ length: seeds }, (_, seed): Job => ({ recipe, zoo, size, probes, seed })),
      ),
    );
  });
}

const nameOf = ({ recipe, size, probes, seed }: Job): string => `${recipe}-${size}-probes${probes}-seed${seed}`;

/** A few trainings at a time; those with a summary are done. */
async function runJobs(jobs: readonly Job[], options: Options, print: (line: string) => void): Promise<void> {
  const waiting = jobs.filter((job) => !existsSync(join(options.out, `${nameOf(job)}.json`)));
  let finished = jobs.length - waiting.length;
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      await train(job, options);
      print(`${nameOf(job)}: ${++finished}/${jobs.length}`);
    }
  };
  await Promise.all(Array.from({ length: options.processes }, worker));
}

/** Settings of a training: the quick ones for as many steps, and for weights alone what helps there. */
function settingsOf({ zoo, size, probes, seed }: Job, steps: number): { readonly [key: string]: unknown } {
  const alone = probes === 0 ? weightsAlone : undefined;
  const batch = alone?.training.batch ?? BATCH;
  return {
    seed,
    zoo,
    trainSize: size,
    baselines: [],
    'model.probes': probes,
    ...Object.fromEntries(Object.entries(alone?.settings ?? {}).map(([name, value]) => [`model.${name}`, value])),
    ...(alone ? { augmentation: alone.augmentation } : {}),
    'training.epochs': Math.max(1, Math.round(steps / Math.floor(size / batch))),
    'training.batch': batch,
    'training.evaluateEvery': 1000,
  };
}

function train(job: Job, { steps, out, processes }: Options): Promise<void> {
  const flags = {
    '--configuration': 'quick',
    '--runs-folder': join(out, 'runs'),
    '--summary': join(out, `${nameOf(job)}.json`),
    ...(processes > 1 ? { '--threads': '1' } : {}),
  };
  const settings = Object.entries(settingsOf(job, steps)).flatMap(([key, value]) => [
    '--set',
    `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ]);
  const args = ['--quiet', ...Object.entries(flags).flat(), ...settings];
  const script = join(import.meta.dirname, 'train.ts');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`zoo-size: the training ${nameOf(job)} ended with code ${code}`)),
    );
  });
}

async function report(jobs: readonly Job[], { out, steps }: Options, print: (line: string) => void): Promise<void> {
  const points = pointsOf(jobs, out);
  const series = [
    ...new Set(points.map(({ recipe, probes }) => `${recipe}, ${probes > 0 ? `${probes} probes` : 'weights alone'}`)),
  ].map((name) => {
    const own = points.filter(
      ({ recipe, probes }) => name === `${recipe}, ${probes > 0 ? `${probes} probes` : 'weights alone'}`,
    );
    return {
      name,
      x: own.map((p) => p.size),
      y: own.map(({ accuracies }) => accuracies.reduce((a, b) => a + b) / accuracies.length),
      points: true,
    };
  });
  const plot = await linePlot({
    title: 'Test accuracy against the size of the zoo',
    subtitle: `NFN-NP, about ${steps} steps each`,
    x: { title: 'networks for training', log: true },
    y: { title: 'share classified right', domain: [0, 1], format: '.0%' },
    series,
  });
  writeAtomically(join(out, 'zoo-size.svg'), plot.svg);
  writeAtomically(join(out, 'zoo-size.png'), await plotToPng(plot));
  writeJson(join(out, 'zoo-size.json'), points);
  for (const { recipe, probes, size, accuracies, seconds } of points) {
    print(
      `${recipe} ${size} networks, ${probes} probes: ${accuracies.map((a) => `${(100 * a).toFixed(1)} %`).join(' ')} in ${seconds.map((s) => `${Math.round(s)} s`).join(' ')}`,
    );
  }
  print(join(out, 'zoo-size.png'));
}

function pointsOf(jobs: readonly Job[], out: string): Point[] {
  const keys = [...new Set(jobs.map(({ recipe, probes, size }) => JSON.stringify({ recipe, probes, size })))];
  return keys.map((key) => {
    const { recipe, probes, size } = JSON.parse(key) as Omit<Job, 'zoo' | 'seed'>;
    const own = jobs.filter((job) => job.recipe === recipe && job.probes === probes && job.size === size);
    const summaries = own.map(
      (job) =>
        JSON.parse(readFileSync(join(out, `${nameOf(job)}.json`), 'utf8')) as {
          metrics: Record<string, number>;
          seconds: number;
        },
    );
    return {
      recipe,
      probes,
      size,
      accuracies: summaries.map(({ metrics }) => metrics['test/accuracy']!),
      seconds: summaries.map(({ seconds }) => seconds),
    };
  });
}

process.exitCode = await runCommand(zooSize, process.argv.slice(2));
