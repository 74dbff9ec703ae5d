/** @file Networks that a command is given: a checkpoint of any format, or rows of a zoo. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { activationKinds } from '@weightspace/architecture';
import type { ActivationSpec, Architecture } from '@weightspace/architecture';
import { mapValues, takeRows } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { wholeNumber } from '@weightspace/experiment';
import { openMixedZoo } from '@weightspace/zoo';
import { Option } from 'commander';
import type { Command } from 'commander';

import type { Predictor } from './saved-predictor.ts';
import { readNetwork } from './read-network.ts';

/** Networks of one architecture. */
export interface Given {
  /** Where each comes from. */
  readonly names: readonly string[];
  readonly architecture: Architecture;
  readonly weights: NdArrays;
  readonly notes: readonly string[];
  /** What the zoo says of each; NaN where it isn't a zoo. */
  readonly truth: readonly number[];
}

export interface InputOptions {
  readonly architecture?: string;
  readonly activation?: ActivationSpec['kind'];
  readonly positions?: readonly number[];
  readonly heads?: number;
}

export const withInputOptions = (command: Command): Command =>
  command
    .option('--architecture <name>', 'which of the architectures that the predictor knows, where several fit')
    .addOption(
      new Option('--activation <name>', 'of hidden layers, where the file does not say it').choices(activationKinds()),
    )
    .option('--positions <n,n>', "sizes of the network's input, e.g. 28,28", numbers)
    .option('--heads <n>', 'of attention', Number);

const numbers = (text: string): number[] => text.split(',').map(wholeNumber(1));

const isZoo = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && existsSync(join(path, 'manifest.jsonl'));

/** @param rows of a zoo: at most `limit` from `first` on */
export async function networksFrom(
  path: string,
  predictor: Predictor,
  { architecture: among, activation, positions, heads }: InputOptions,
  first: number,
  limit: number,
): Promise<Given[]> {
  if (isZoo(path)) return fromZoo(path, predictor, first, limit);
  const options = {
    ...(among === undefined ? {} : { among }),
    ...(activation === undefined ? {} : { activation }),
    ...(positions === undefined ? {} : { positions }),
    ...(heads === undefined ? {} : { heads }),
  };
  const { architecture, weights, notes } = await readNetwork(path, predictor.architectures, options);
  return [{ names: [path], architecture, weights, notes, truth: [NaN] }];
}

async function fromZoo(path: string, { target }: Predictor, first: number, limit: number): Promise<Given[]> {
  const zoo = await openMixedZoo(path);
  try {
    const truth = zoo.targetNames().includes(target) ? zoo.target(target).data : undefined;
    return zoo.groups.flatMap(({ architecture, first: start, zoo: own }) => {
      const from = Math.max(first, start);
      const count = Math.min(first + limit, start + own.count) - from;
      if (count <= 0) return [];
      const rows = Int32Array.from({ length: count }, (_, i) => from - start + i);
      return [
        {
          names: Array.from(rows, (row) => `${path}#${start + row}`),
          architecture,
          weights: mapValues(own.parameters(), (array) => takeRows(array, rows)),
          notes: [],
          truth: Array.from(rows, (row) => truth?.[start + row] ?? NaN),
        },
      ];
    });
  } finally {
    zoo.close();
  }
}
