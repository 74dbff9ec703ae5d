/** @file Conditions on columns, such as `depth>=5` or `optimizer=adam&epoch<3`. */
import { UsageError } from '@weightspace/experiment';

import { columnOf } from '../zoo/columns.ts';
import type { Column, Columns } from '../zoo/columns.ts';

type Test = (value: number, than: number) => boolean;
const tests: { readonly [sign: string]: Test } = {
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '=': (a, b) => a === b,
};

/**
 * Which rows fulfil conditions joined by `&`; each is a column, one of >= <= != > < =, and a number or one of the column's
 * names.
 *
 * @throws {UsageError} when one can't be read, or names what isn't there
 */
export function where(columns: Columns, text: string): (row: number) => boolean {
  const conditions = text.split('&').map((part) => conditionOf(columns, part.trim()));
  return (row) => conditions.every((holds) => holds(row));
}

function conditionOf(columns: Columns, text: string): (row: number) => boolean {
  const [, name, sign, value] = /^([\w-]+)\s*(>=|<=|!=|>|<|=)\s*(.+)$/.exec(text) ?? [];
  if (name === undefined) {
    const signs = Object.keys(tests).join(' ');
    throw new UsageError(`heldOut: must be conditions such as depth>=5 (one of ${signs}), joined by &, got '${text}'`);
  }
  const column = columnOf(columns, name, 'heldOut');
  const than = valueOf(column, sign!, value!);
  const test = tests[sign!]!;
  return (row) => test(column.values[row]!, than);
}

function valueOf({ name, names }: Column, sign: string, text: string): number {
  if (names === undefined) {
    const value = Number(text);
    if (!Number.isNaN(value)) return value;
    throw new UsageError(`heldOut: ${name} must be compared with a number, got '${text}'`);
  }
  const code = names.indexOf(text);
  if (code < 0) throw new UsageError(`heldOut: ${name} must be one of ${names.join(', ')}, got '${text}'`);
  if (sign === '=' || sign === '!=') return code;
  throw new UsageError(`heldOut: ${name} has names, which = and != compare, got '${sign}'`);
}
