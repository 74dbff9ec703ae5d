/** @file Kinds of networks that no training sees. A further way to name them is a file that registers it, and a line here. */
import { UsageError } from '@weightspace/experiment';

import { columnOf } from '../zoo/columns.ts';
import type { Rows } from '../zoo/load-rows.ts';
import { checkFilled, checkNoLeak, standardParts } from './parts.ts';
import type { Parts } from './parts.ts';
import { where } from './where.ts';

/** `<kind>:<argument>`; the kind `where` may be left out. */
export interface HeldOutKind {
  readonly kind: string;
  /** For --help. */
  readonly description: string;
  /** @throws {UsageError} when the argument isn't one */
  readonly rows: (rows: Rows, argument: string) => (row: number) => boolean;
}

const kinds = new Map<string, HeldOutKind>();

/** @throws {RangeError} when the kind is taken */
export function registerHeldOut(kind: HeldOutKind): void {
  if (kinds.has(kind.kind)) throw new RangeError(`registerHeldOut: kind '${kind.kind}' is registered already`);
  kinds.set(kind.kind, kind);
}

export const heldOutKinds = (): readonly HeldOutKind[] => [...kinds.values()];

registerHeldOut({
  kind: 'where',
  description: 'conditions on columns: depth>=5, activation=tanh, epoch<=1&optimizer=sgd',
  rows: ({ columns }, argument) => where(columns, argument),
});
registerHeldOut({
  kind: 'largest',
  description: 'rows with the largest value of a column: largest:width',
  rows: (rows, argument) => extreme(rows, argument, Math.max, -Infinity),
});
registerHeldOut({
  kind: 'smallest',
  description: 'rows with the smallest value of a column: smallest:depth',
  rows: (rows, argument) => extreme(rows, argument, Math.min, Infinity),
});

function extreme({ columns }: Rows, name: string, of: (a: number, b: number) => number, start: number) {
  const { values, names } = columnOf(columns, name, 'heldOut');
  if (names) throw new UsageError(`heldOut: ${name} has names, none of which is the largest; use ${name}=${names[0]}`);
  const most = values.reduce((a, b) => (Number.isFinite(b) ? of(a, b) : a), start);
  return (row: number) => values[row] === most;
}

/** @throws {UsageError} when the text names no kind, or its argument isn't one */
export function heldOut(rows: Rows, text: string): (row: number) => boolean {
  const [, kind = 'where', argument] = /^(?:([\w-]+):)?(.*)$/s.exec(text)!;
  const found = kinds.get(kind);
  if (!found) throw new UsageError(`heldOut: must begin with one of ${[...kinds.keys()].join(', ')}, got '${kind}:'`);
  return found.rows(rows, argument!);
}

/**
 * Training, validation and test rows without those held out, and the held-out rows among the test runs: a run of which
 * some checkpoints are held out (by epoch) stays in its part, so that nothing is tested on a run that was trained on.
 *
 * @throws {UsageError} when a part has no rows then
 */
export function heldOutParts(rows: Rows, target: ArrayLike<number>, text: string): Parts {
  const { train, validation, tests } = standardParts(rows, target);
  const held = heldOut(rows, text);
  const kept = (own: Int32Array) => own.filter((row) => !held(row));
  const all = tests['test']!;
  const parts = {
    train: kept(train),
    validation: kept(validation),
    tests: { test: kept(all), 'held-out': all.filter(held) },
  };
  checkFilled(rows, parts);
  checkNoLeak(rows.runs, parts);
  return parts;
}
