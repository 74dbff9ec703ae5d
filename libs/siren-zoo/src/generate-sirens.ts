/** @file The command `generate` of the projects in data/: fits SIRENs to the images of a set and keeps them as a zoo. */
import { join, relative } from 'node:path';

import {
  commitText,
  EXIT,
  exitCodeOf,
  listenForInterrupt,
  Output,
  startProgress,
  gitState,
  Stopwatch,
  formatSeconds,
} from '@weightspace/experiment';
import { generateZoo, openZoo, sirenRecipes, workerExecutor } from '@weightspace/zoo';
import { Command, InvalidArgumentError, Option } from 'commander';

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
  readonly seed: number;
  readonly folder?: string;
  readonly threads?: number;
  readonly steps?: number;
  readonly rate?: number;
  readonly start: 'image' | 'shared';
  readonly resume: boolean;
  readonly quiet: boolean;
}

const count = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('it must be a whole number, 0 or more.');
};

const positive = (text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('it must be a number above 0.');
};

const commandOf = (zoo: ImageZoo): Command =>
  new Command(`${projectName(zoo)}:generate`)
    .description(`Fits one SIREN to each of many ${zoo.images} and keeps them in a zoo.`)
    .addOption(new Option('--recipe <name>', 'how they are fitted').choices(Object.keys(sirenRecipes)).default('dws'))
    .addOption(
      new Option('--start <kind>', 'each image its own random start, or one for all')
        .choices(['image', 'shared'])
        .default('image'),
    )
    .option('--train <n>', `${zoo.images} for training`, count, 2000)
    .option('--validation <n>', `${zoo.images} for validation`, count, 0)
    .option('--test <n>', `${zoo.images} for testing`, count, 500)
    .option('--steps <n>', "steps of Adam; the recipe's own when absent", count)
    .option('--rate <x>', "peak learning rate of Adam; the recipe's own when absent", positive)
    .option('--seed <n>', 'seed of the starts', count, 0)
    .option('--folder <path>', `where to; zoos/${zooName(zoo)}-<recipe>-<train> when absent`)
    .option('--threads <n>', 'cores to use; all when absent', count)
    .option('--resume', 'continue what is in the folder', false)
    .option('--quiet', 'no progress', false)
    .addHelpText('after', helpOf(zoo))
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage));

const helpOf = (zoo: ImageZoo): string => {
  const run = `npx nx run ${projectName(zoo)}:generate`;
  return `
Examples:
  ${run.padEnd(68)} 2,000 + 500 ${zoo.images}, DWS recipe
  ${`${run}:full`.padEnd(68)} the whole set: 55,000 + 5,000 + 10,000
  ${`${run} -- --recipe nfn --train 10000`.padEnd(68)} another recipe, another size

A generation that was stopped goes on with --resume, and ends with the same bytes as if it had not been.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).`;
};

async function generate(zoo: ImageZoo): Promise<number> {
  const settings = commandOf(zoo).parse().opts<Settings>();
  const output = new Output(process, settings.quiet);
  const recipe = sirenRecipes[settings.recipe]!;
  const { steps = recipe.steps, rate = recipe.rate, start } = settings;
  const plan: ZooPlan = { ...settings, zoo, recipe: { ...recipe, steps, rate, start } };
  const folder = settings.folder ?? join('zoos', `${zooName(zoo)}-${settings.recipe}-${settings.train}`);
  const interrupt = listenForInterrupt((by) =>
    output.warn(`${by}: finishing the shards under way; a second one stops at once`),
  );
  const executor = workerExecutor(settings.threads === 0 ? undefined : settings.threads);
  const watch = new Stopwatch();
  try {
    const chunks = chunksOf(plan);
    const total = settings.train + settings.validation + settings.test;
    let progress: ReturnType<typeof startProgress> | undefined;
    const complete = await generateZoo({
      folder,
      header: headerOf(plan),
      chunks,
      task: fitTask,
      executor,
      ...commitOf(commitText(gitState())),
      resume: settings.resume,
      signal: interrupt.signal,
      onProgress: ({ rows, resumedRows, begunRows }) => {
        progress ??= startProgress(output, {
          label: `fit ${settings.recipe}`,
          total,
          unit: zoo.images,
          done: resumedRows,
        });
        progress.update(rows, undefined, begunRows);
      },
    });
    progress?.stop();
    if (!complete) {
      output.say('stopped; go on with --resume');
      return EXIT.interrupted;
    }
    output.say(`${await describe(folder)}; took ${formatSeconds(watch.seconds)}`);
    output.result(relative('.', folder));
    return EXIT.done;
  } finally {
    interrupt.release();
    await executor.close();
  }
}

const commitOf = (commit: string | null): { readonly commit?: string } => (commit === null ? {} : { commit });

/** Median and spread of the fits' quality. */
async function describe(folder: string): Promise<string> {
  const zoo = await openZoo(folder);
  const psnr = Float64Array.from(zoo.fit('psnr').data).sort();
  const at = (share: number) => psnr[Math.min(psnr.length - 1, Math.floor(share * psnr.length))]!.toFixed(1);
  zoo.close();
  return `${zoo.count} networks; PSNR in dB: median ${at(0.5)}, 5 % below ${at(0.05)}, 5 % above ${at(0.95)}`;
}

/** Reads the command line, makes the zoo, and sets the exit code. */
export async function generateSirens(zoo: ImageZoo): Promise<void> {
  process.exitCode = await generate(zoo).catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof RangeError ? EXIT.usage : exitCodeOf(error);
  });
}
