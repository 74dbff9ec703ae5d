/** @file What is reached without reading weights, where more is known of each network. */
import type { Columns } from '../zoo/columns.ts';

/** A column of the zoo taken for the prediction. */
export interface Bound {
  readonly name: string;
  readonly column: string;
}

/** In the order of reports; those whose column the zoo lacks are left out. */
export const bounds: readonly Bound[] = [
  { name: 'train accuracy known', column: 'train-accuracy' },
  { name: 'validation accuracy known', column: 'validation-accuracy' },
];

/** Columns that are known for all of some rows, and aren't the target itself. */
export const boundsFor = (columns: Columns, rows: Int32Array, target: string): readonly Bound[] =>
  bounds.filter(({ column }) => {
    const values = columns.get(column)?.values;
    return column !== target && values !== undefined && rows.every((row) => Number.isFinite(values[row]));
  });
