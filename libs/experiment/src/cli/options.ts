/** @file The command line of every experiment. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';

import { devices } from '@weightspace/compute';
import type { Device } from '@weightspace/compute';

import { EXIT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { helpText } from './help-text.ts';
import { defaultConfiguration } from './settings.ts';

export interface Options {
  readonly set: readonly string[];
  readonly configuration?: string;
  readonly config?: string;
  readonly seed?: number;
  readonly device: Device;
  readonly threads?: number;
  /** True when given without a value. */
  readonly resume?: string | true;
  readonly out?: string;
  readonly summary?: string;
  readonly runsFolder?: string;
  readonly checkpointSeconds: number;
  readonly tracking: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Help was asked for, or the command line is wrong; `text` is what to print. */
export class CommandLineStop extends Error {
  override readonly name = 'CommandLineStop';
  readonly text: string;
  readonly exitCode: number;
  constructor(text: string, exitCode: number) {
    super(text);
    this.text = text;
    this.exitCode = exitCode;
  }
}

/**
 * @param command how a user calls this experiment, for the help
 * @throws {CommandLineStop} for --help (exit code 0) and for wrong options (2)
 */
export function parseOptions(experiment: Experiment, argv: readonly string[], command: string): Options {
  let printed = '';
  const program = describe(experiment, command)
    .exitOverride()
    .configureOutput({ writeOut: (text) => (printed += text), writeErr: (text) => (printed += text) });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new CommandLineStop(printed.trimEnd(), error.exitCode === 0 ? EXIT.done : EXIT.usage);
  }
  return { set: [], quiet: false, verbose: false, ...program.opts<Omit<Options, 'set' | 'quiet' | 'verbose'>>() };
}

function describe(experiment: Experiment, command: string): Command {
  const configurations = Object.keys(experiment.configurations ?? {});
  const program = new Command(command)
    .helpOption('-h, --help', 'show this text')
    .usage('[options]')
    .allowExcessArguments(false)
    .showSuggestionAfterError(true);
  program.option('--set <key=value>', 'change a setting; may be repeated', (text, all: string[] = []) => [
    ...all,
    text,
  ]);
  if (configurations.length > 0) {
    program.option(
      '--configuration <name>',
      `${configurations.join(' | ')} (default: ${defaultConfiguration(experiment)})`,
    );
  }
  program
    .option('--config <file.json>', 'settings from a file, e.g. the config.json of an earlier run')
    .option('--seed <n>', 'same as --set seed=N', wholeNumber(0))
    .option('--device <device>', devices.join(' | '), oneOfDevices, 'cpu')
    .option('--threads <n>', 'threads of the CPU (default: all)', wholeNumber(1))
    .option('--resume [run]', 'go on with a run: its folder, its id, or without a value the latest of these settings')
    .option('--out <folder>', "the run's own folder (default: a new one in the runs folder)")
    .option('--runs-folder <folder>', 'where runs go (default: runs)')
    .option('--summary <path>', 'also write summary.json there')
    .option('--checkpoint-seconds <n>', 'least time between two checkpoints', nonNegative, 60)
    .option('--no-tracking', "don't log to MLflow")
    .option('--quiet', 'print nothing but problems and, as the last line, the path of summary.json')
    .option('--verbose', 'show the stack of an error (also: WEIGHTSPACE_DEBUG=1)')
    .addHelpText('before', `${experiment.name}: ${experiment.claim}\n`)
    .addHelpText('after', () => `\n${helpText(experiment, command)}`);
  return program;
}

/** A parser of options that are whole numbers, and says what it expects. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Must be a whole number of at least ${least}.`);
  };

const nonNegative = (text: string) => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('Must be a number of at least 0.');
};

const oneOfDevices = (text: string): Device => {
  const found = devices.find((device) => device === text);
  if (found === undefined) throw new InvalidArgumentError(`Must be one of ${devices.join(', ')}.`);
  return found;
};
