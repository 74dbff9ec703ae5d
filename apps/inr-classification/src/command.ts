/** @file What the commands beside `train` share: errors in one line, exit codes, the newest run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DatasetError } from '@weightspace/dataset';
import { EXIT, exitCodeOf, UsageError } from '@weightspace/experiment';
import { ZooError } from '@weightspace/zoo';
import { CommanderError } from 'commander';

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
    process.exitCode = error instanceof ZooError || error instanceof DatasetError ? EXIT.failed : exitCodeOf(error);
  }
}

/** The end of a command's --help: commands to copy, each by what follows `npx nx run inr-classification:<target>`, and exit codes. */
export const helpAfter = (target: string, examples: readonly string[]): string =>
  `
Examples:
${examples.map((more) => `  npx nx run inr-classification:${target} ${more}`.trimEnd()).join('\n')}

Exit codes: 0 done, 1 failed, 2 wrong usage.`;

/** Folder of the newest finished run. @throws {UsageError} when there is none */
export function newestRun(runs = 'runs'): string {
  const finished = (existsSync(runs) ? readdirSync(runs) : [])
    .filter((name) => name.startsWith('inr-classification-') && existsSync(join(runs, name, 'classifier.json')))
    .sort();
  const newest = finished.at(-1);
  if (newest === undefined) {
    throw new UsageError(
      `${runs}: expected a finished run of inr-classification:train, found none; train first, or name one with --run`,
    );
  }
  return join(runs, newest);
}

export const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
