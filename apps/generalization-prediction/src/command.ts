/** @file What the commands beside the experiments share: errors in one line, exit codes, the newest run. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { CheckpointError, RecognitionError } from '@weightspace/checkpoint';
import { EXIT, exitCodeOf, UsageError } from '@weightspace/experiment';
import { ZooError } from '@weightspace/zoo';
import { CommanderError, InvalidArgumentError } from 'commander';

/** Runs a command; what goes wrong is printed in one block. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
      return;
    }
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    const failed = [ZooError, CheckpointError, RecognitionError].some((kind) => error instanceof kind);
    process.exitCode = failed ? EXIT.failed : exitCodeOf(error);
  }
}

/** The end of a command's --help: commands to copy, and exit codes. */
export const helpAfter = (target: string, examples: readonly string[]): string =>
  `
Examples:
${examples.map((more) => `  npx nx run generalization-prediction:${target} ${more}`.trimEnd()).join('\n')}

Exit codes: 0 done, 1 failed, 2 wrong usage.`;

/** Folder of the newest finished run. @throws {UsageError} when there is none */
export function newestRun(runs = 'runs'): string {
  const finished = (existsSync(runs) ? readdirSync(runs) : [])
    .filter((name) => name.startsWith('generalization-prediction-') && existsSync(join(runs, name, 'predictor.json')))
    .sort();
  const newest = finished.at(-1);
  if (newest !== undefined) return join(runs, newest);
  throw new UsageError(
    `${runs}: expected a finished run of generalization-prediction:train, found none; train first, or name one with --run`,
  );
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('it must be a whole number above 0.');
}

export const numbers = (text: string): number[] => text.split(',').map(wholeNumber);
