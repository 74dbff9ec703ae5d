/** @file Commands that projects have beside their experiments, such as `predict`. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Command, CommanderError } from 'commander';

import { EXIT, exitCodeOf, UsageError } from '../errors.ts';
import { stopWithReader } from '../run/closed-pipe.ts';
import type { Streams } from '../run/output.ts';
import { listRuns } from '../run/run-folder.ts';

export interface ProjectCommand<O> {
  /** Nx project and target, e.g. `inr-classification:predict`. */
  readonly name: string;
  readonly description: string;
  /** Adds arguments and options. */
  readonly options: (command: Command) => Command;
  /** Calls for the help, each by what follows `npx nx run <name>`. */
  readonly examples: readonly string[];
  /** @param print writes a line to stdout */
  readonly run: (options: O, args: readonly string[], print: (line: string) => void) => Promise<void>;
}

/**
 * Runs a command. Nothing is thrown: what goes wrong is printed in one block.
 *
 *     process.exitCode = await runCommand(predict, process.argv.slice(2));
 *
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, or what the error's own `exitCode` says; the process ends with
 *   141 where nobody reads what it prints any more
 */
export async function runCommand<O>(
  { name, description, options, examples, run }: ProjectCommand<O>,
  argv: readonly string[],
  streams: Streams = process,
): Promise<number> {
  stopWithReader(streams);
  const { stdout, stderr } = streams;
  const command = options(new Command(name).description(description))
    .addHelpText('after', helpAfter(name, examples))
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });
  try {
    command.parse([...argv], { from: 'user' });
    await run(command.opts() as O, command.args, (line) => stdout.write(`${line}\n`));
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodeOf(error);
  }
}

/** The end of a command's --help: commands to copy, and exit codes. */
const helpAfter = (name: string, examples: readonly string[]): string =>
  `
Examples:
${examples.map((more) => `  npx nx run ${name} ${more}`.trimEnd()).join('\n')}

Exit codes: 0 done, 1 failed, 2 wrong usage.`;

/**
 * Folder of an experiment's newest run that has left a file, e.g. the trained model.
 *
 * @param file its name in the run's folder
 * @param target that makes such runs
 * @throws {UsageError} when there is none
 */
export function newestRun(experiment: string, file: string, runs = 'runs', target = `${experiment}:train`): string {
  const newest = listRuns(runs, experiment).find(({ path }) => existsSync(join(path, file)));
  if (newest !== undefined) return join(runs, basename(newest.path));
  throw new UsageError(
    `${runs}: expected a finished run of ${target}, found none; train first, or name one with --run`,
  );
}
