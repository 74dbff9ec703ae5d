/** @file The commands put together, and how errors end. */
import { Command, CommanderError } from 'commander';

import { commands } from './commands/index.ts';
import { EXIT, exitCodeOf } from './exit.ts';

export function createProgram(): Command {
  const program = new Command('weightspace')
    .description('Metanetworks: neural networks whose input is the weights of other neural networks.')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  for (const command of commands) program.addCommand(command().exitOverride());
  return program;
}

/** @returns the exit code: 0 done, 1 failed (or the answer is no), 2 wrong usage */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodeOf(error);
  }
}
