/** @file Kendall's τ within parts of the rows, as tables. */
import type { RandomStream } from '@weightspace/compute';
import type { Estimate } from '@weightspace/experiment';

import { estimateTau } from '../evaluation/measures.ts';
import type { Judged } from '../evaluation/measures.ts';
import { partsByColumn } from '../evaluation/parts-by-column.ts';
import type { Column } from '../zoo/columns.ts';
import { estimateText, markdown } from './table.ts';

/** What models reach within one part. */
export interface ColumnRow {
  readonly part: string;
  readonly rows: number;
  readonly runs: number;
  /** By model. */
  readonly taus: { readonly [model: string]: Estimate };
}

/**
 * Kendall's τ of each model within each part into which a column divides the rows; NaN where a part has no pair that differs.
 *
 * @param rows of the zoo, those that the models were judged on
 * @param judged by model; in the order of `rows`
 * @param stream of the samples of runs; all models see the same
 */
export function tauByColumn(
  column: Column,
  rows: ArrayLike<number>,
  judged: { readonly [model: string]: Judged },
  stream: RandomStream,
  samples: number,
): ColumnRow[] {
  return partsByColumn(column, rows).map(({ name, at }) => {
    const of = (values: ArrayLike<number>) => Float64Array.from(at, (i) => values[i]!);
    const within = ({ predictions, truth, runs }: Judged): Judged => ({
      predictions: predictions.map(of),
      truth: of(truth),
      runs: of(runs),
    });
    const all = Object.entries(judged).map(([model, own]) => [model, within(own)] as const);
    return {
      part: name,
      rows: at.length,
      runs: new Set(all.flatMap(([, { runs }]) => Array.from(runs))).size,
      taus: Object.fromEntries(all.map(([model, own]) => [model, estimateTau(own, stream, samples)])),
    };
  });
}

export const columnTableAsMarkdown = (column: string, models: readonly string[], rows: readonly ColumnRow[]): string =>
  markdown<ColumnRow>(
    [
      [column, 'left', ({ part }) => part],
      ['rows', 'right', (row) => row.rows.toLocaleString('en')],
      ['runs', 'right', (row) => row.runs.toLocaleString('en')],
      ...models.map((model) => [model, 'right', ({ taus }: ColumnRow) => estimateText(taus[model]!)] as const),
    ],
    rows,
  );

/** A line for each part and model; what isn't known is empty. */
export function columnTableAsCsv(column: string, models: readonly string[], rows: readonly ColumnRow[]): string {
  const plain = (x: number) => (Number.isFinite(x) ? String(x) : '');
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = rows.flatMap(({ part, rows: count, runs, taus }) =>
    models.map((model) => {
      const { value, low, high } = taus[model]!;
      return [quoted(part), count, runs, quoted(model), ...[value, low, high].map(plain)].join(',');
    }),
  );
  const header = [quoted(column), 'rows', 'runs', 'model', 'kendall-tau', 'kendall-tau_low', 'kendall-tau_high'];
  return `${[header.join(','), ...lines].join('\n')}\n`;
}
