/** @file Which rows are trained on, which choose the epoch, which are tested: by run, so that nothing leaks. */
import { UsageError } from '@weightspace/experiment';

import type { Rows } from '../zoo/load-rows.ts';
import { rowsOfSplit } from '../zoo/load-rows.ts';

export interface Parts {
  readonly train: Int32Array;
  readonly validation: Int32Array;
  /** By name: `test`, and where some kind of network is held out `held-out`. */
  readonly tests: { readonly [name: string]: Int32Array };
}

/**
 * Checks that no run has rows in two parts, tests among each other apart.
 *
 * @throws {Error} naming the run and two of its rows
 */
export function checkNoLeak(runs: ArrayLike<number>, { train, validation, tests }: Parts): void {
  const seen = new Map<number, { readonly part: string; readonly row: number }>();
  const parts = [['train', train], ['validation', validation], ...Object.values(tests).map((rows) => ['test', rows])];
  for (const [part, rows] of parts as [string, Int32Array][]) {
    for (const row of rows) {
      const before = seen.get(runs[row]!);
      if (before !== undefined && before.part !== part) {
        throw new Error(
          `checkNoLeak: each run must be in one part, got run ${runs[row]} in ${before.part} (row ${before.row}) and in ${part} (row ${row})`,
        );
      }
      if (before === undefined) seen.set(runs[row]!, { part, row });
    }
  }
}

/** Rows of which a value is known. */
const known = (rows: Int32Array, values: ArrayLike<number>): Int32Array =>
  rows.filter((row) => Number.isFinite(values[row]));

/**
 * The zoo's own split, without rows whose target isn't known.
 *
 * @throws {UsageError} when a part that is needed has no rows
 */
export function standardParts(rows: Rows, target: ArrayLike<number>): Parts {
  const of = (part: 'train' | 'validation' | 'test') => known(rowsOfSplit(rows, part), target);
  const parts = { train: of('train'), validation: of('validation'), tests: { test: of('test') } };
  checkFilled(rows, parts);
  checkNoLeak(rows.runs, parts);
  return parts;
}

export function checkFilled({ paths }: Rows, { train, tests }: Parts): void {
  const empty = Object.entries({ train, ...tests }).filter(([, own]) => own.length === 0);
  if (empty.length === 0) return;
  const found = Object.entries({ train, ...tests }).map(([name, own]) => `${own.length} ${name}`);
  throw new UsageError(
    `zoo ${paths.join(' and ')}: expected rows with a known target of the parts ${empty.map(([name]) => name).join(' and ')}, found ${found.join(', ')}; choose another zoo, split or target`,
  );
}

/**
 * A share of the training's runs, drawn by a seed; smaller shares are parts of larger ones.
 *
 * @param order numbers from 0 to 1 by run
 */
export function shareOfRuns(
  { runs }: Pick<Rows, 'runs'>,
  train: Int32Array,
  share: number,
  order: (run: number) => number,
): Int32Array {
  const all = [...new Set(Array.from(train, (row) => runs[row]!))].sort((a, b) => order(a) - order(b) || a - b);
  const kept = new Set(all.slice(0, Math.max(1, Math.round(share * all.length))));
  return train.filter((row) => kept.has(runs[row]!));
}
