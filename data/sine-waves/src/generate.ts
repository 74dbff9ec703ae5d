/** @file `nx run data-sine-waves:generate`: fits SIRENs to sine waves and keeps them as a zoo. */
import { relative } from 'node:path';

import {
  commitText,
  EXIT,
  exitCodeOf,
  formatSeconds,
  gitState,
  listenForInterrupt,
  Output,
  startProgress,
  Stopwatch,
} from '@weightspace/experiment';
import { generateZoo, openZoo, workerExecutor } from '@weightspace/zoo';
import { Command, InvalidArgumentError } from 'commander';

import { waveRecipe } from './fit-waves.ts';
import { chunksOf, headerOf } from './plan.ts';

interface Settings {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly copies: number;
  readonly steps: number;
  readonly seed: number;
  readonly folder?: string;
  readonly threads?: number;
  readonly resume: boolean;
  readonly quiet: boolean;
}

const count = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('it must be a whole number, 0 or more.');
};

const command = new Command('data-sine-waves:generate')
  .description('Fits one SIREN to each of many waves a sin(b x) and keeps them in a zoo.')
  .option('--train <n>', 'waves for training', count, 1000)
  .option('--validation <n>', 'waves for validation', count, 0)
  .option('--test <n>', 'waves for testing', count, 250)
  .option('--copies <n>', 'networks for each wave', count, waveRecipe.copies)
  .option('--steps <n>', 'steps of Adam', count, waveRecipe.steps)
  .option('--seed <n>', 'seed of the waves and of the starts', count, 0)
  .option('--folder <path>', 'where to; zoos/sine-waves-<train> when absent')
  .option('--threads <n>', 'cores to use; all when absent', count)
  .option('--resume', 'continue what is in the folder', false)
  .option('--quiet', 'no progress', false)
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage));

async function main(): Promise<number> {
  const settings = command.parse().opts<Settings>();
  const output = new Output(process, settings.quiet);
  const { copies, steps } = settings;
  if (copies < 1) throw new RangeError('generate: --copies must be 1 or more, got 0');
  const plan = { ...settings, recipe: { ...waveRecipe, copies, steps } };
  const folder = settings.folder ?? `zoos/sine-waves-${settings.train}`;
  const interrupt = listenForInterrupt((by) =>
    output.warn(`${by}: finishing the shards under way; a second one stops at once`),
  );
  const executor = workerExecutor(settings.threads === 0 ? undefined : settings.threads);
  const [watch, commit] = [new Stopwatch(), commitText(gitState())];
  try {
    const chunks = chunksOf(plan);
    const total = chunks.reduce((sum, { rows }) => sum + rows, 0);
    let progress: ReturnType<typeof startProgress> | undefined;
    const complete = await generateZoo({
      folder,
      header: headerOf(plan),
      chunks,
      task: { module: new URL('./fit-waves.ts', import.meta.url).href, name: 'fitWaves' },
      executor,
      ...(commit === null ? {} : { commit }),
      resume: settings.resume,
      signal: interrupt.signal,
      onProgress: ({ rows, resumedRows, begunRows }) => {
        progress ??= startProgress(output, { label: 'fit waves', total, unit: 'networks', done: resumedRows });
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

/** Median and spread of the fits' error. */
async function describe(folder: string): Promise<string> {
  const zoo = await openZoo(folder);
  const loss = Float64Array.from(zoo.fit('loss').data).sort();
  const at = (share: number) => loss[Math.min(loss.length - 1, Math.floor(share * loss.length))]!.toPrecision(2);
  zoo.close();
  return `${zoo.count} networks; mean squared error: median ${at(0.5)}, 5 % above ${at(0.95)}`;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof RangeError ? EXIT.usage : exitCodeOf(error);
});
