/** @file Options that several commands have. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

/** What a checkpoint may not say of its network. */
export function addNetworkOptions(command: Command): Command {
  return command
    .option('--architecture <file>', 'JSON that describes the network (schema weightspace-architecture/1)')
    .option('--heads <number>', 'of attention, where names and shapes do not say it', wholeNumber(1))
    .option('--positions <sizes>', 'of the input, e.g. 32,32 for images or 16 for tokens', wholeNumbers)
    .option('--activation <kind>', 'of hidden layers, e.g. relu, where the file does not say it');
}

function wholeNumbers(text: string): number[] {
  return text.split(',').map(wholeNumber(1));
}

export const jsonOption = (): Option => new Option('--json', 'JSON in place of the text').default(false);

export const seedOption = (): Option =>
  new Option('--seed <number>', 'of the random element').default(0).argParser(wholeNumber(0));

/** A parser of whole numbers that says what it expects. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return value;
    throw new InvalidArgumentError(`It must be a whole number ≥ ${least}.`);
  };
