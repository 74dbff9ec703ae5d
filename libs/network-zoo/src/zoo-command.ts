/** @file The command `generate` of the projects in data/: makes a zoo shard by shard, and says how far it is. */
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
  stopWithReader,
} from '@weightspace/experiment';
import { generateZoo, openMixedZoo, workerExecutor } from '@weightspace/zoo';
import type { GenerateOptions, MixedZoo, ZooProgress } from '@weightspace/zoo';
import { Command, InvalidArgumentError, Option } from 'commander';

/** What every zoo's command is told. */
export interface CommonSettings {
  readonly seed: number;
  readonly folder?: string;
  readonly threads?: number;
  readonly resume: boolean;
  readonly quiet: boolean;
}

/** What is to be made. */
export interface ZooWork extends Pick<GenerateOptions, 'header' | 'chunks' | 'task'> {
  /** Where to, unless the command line says. */
  readonly folder: string;
  /** What is being done, e.g. `fit dws`. */
  readonly label: string;
  /** What is counted, in the plural. */
  readonly unit: string;
  /** Rows of the zoo for each of these; 1 when absent. */
  readonly rowsEach?: number;
}

export interface ZooCommand<S> {
  /** The Nx project, e.g. `data-mnist-siren`. */
  readonly project: string;
  readonly description: string;
  /** The settings of its own. */
  readonly options: readonly Option[];
  /** What stands for the default of `--folder`, e.g. `zoos/sine-waves-<train>`. */
  readonly folders: string;
  /** Calls with what they do, for the help. */
  readonly examples?: readonly (readonly [call: string, does: string])[];
  /** @throws {RangeError} on settings that don't fit: wrong usage */
  readonly plan: (settings: S & CommonSettings) => ZooWork;
  /** A line on the finished zoo. */
  readonly describe: (zoo: MixedZoo) => string;
}

/** For options that are whole numbers, 0 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('it must be a whole number, 0 or more.');
}

/** For options that are numbers above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('it must be a number above 0.');
}

/** An option with a whole number, 0 or more. */
export function countOption(flags: string, description: string, standard?: number): Option {
  const option = new Option(flags, description).argParser(wholeNumber);
  return standard === undefined ? option : option.default(standard);
}

function parserOf<S>({ project, description, options, folders, examples = [] }: ZooCommand<S>): Command {
  const command = new Command(`${project}:generate`).description(description);
  for (const option of options) command.addOption(option);
  return command
    .addOption(countOption('--seed <n>', 'seed of everything that is drawn', 0))
    .option('--folder <path>', `where to; ${folders} when absent`)
    .addOption(countOption('--threads <n>', 'cores to use; all when absent'))
    .option('--resume', 'continue what is in the folder', false)
    .option('--quiet', 'no progress', false)
    .addHelpText('after', helpOf(examples))
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage));
}

function helpOf(examples: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...examples.map(([call]) => call.length)) + 2;
  const lines = examples.map(([call, does]) => `  ${call.padEnd(width)}${does}\n`).join('');
  return `
${lines === '' ? '' : `Examples:\n${lines}\n`}A generation that was stopped goes on with --resume, and ends with the same bytes as if it had not been.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).`;
}

async function run<S>(command: ZooCommand<S>): Promise<number> {
  const settings = parserOf(command).parse().opts<S & CommonSettings>();
  const output = new Output(process, settings.quiet);
  const work = command.plan(settings);
  const folder = settings.folder ?? work.folder;
  const interrupt = listenForInterrupt((by) =>
    output.warn(`${by}: finishing the shards under way; a second one stops at once`),
  );
  const executor = workerExecutor(settings.threads === 0 ? undefined : settings.threads);
  const [watch, commit] = [new Stopwatch(), commitText(gitState())];
  const progress = progressOf(output, work);
  try {
    const complete = await generateZoo({
      ...work,
      folder,
      executor,
      ...(commit === null ? {} : { commit }),
      resume: settings.resume,
      signal: interrupt.signal,
      onProgress: progress.tell,
    });
    progress.stop();
    if (!complete) {
      output.say('stopped; go on with --resume');
      return EXIT.interrupted;
    }
    const zoo = await openMixedZoo(folder);
    output.say(`${command.describe(zoo)}; took ${formatSeconds(watch.seconds)}`);
    zoo.close();
    output.result(relative('.', folder));
    return EXIT.done;
  } finally {
    interrupt.release();
    await executor.close();
  }
}

/** A bar or lines, from the first that is heard of the work. */
function progressOf(output: Output, { label, unit, rowsEach = 1 }: ZooWork) {
  let progress: ReturnType<typeof startProgress> | undefined;
  return {
    tell: ({ rows, totalRows, resumedRows, begunRows }: ZooProgress) => {
      progress ??= startProgress(output, { label, total: totalRows / rowsEach, unit, done: resumedRows / rowsEach });
      progress.update(rows / rowsEach, undefined, begunRows / rowsEach);
    },
    stop: () => progress?.stop(),
  };
}

/** Reads the command line, makes the zoo, and sets the exit code. */
export async function runZooCommand<S>(command: ZooCommand<S>): Promise<void> {
  stopWithReader();
  process.exitCode = await run(command).catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof RangeError ? EXIT.usage : exitCodeOf(error);
  });
}
