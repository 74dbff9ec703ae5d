/** @file The result as a table of text: metrics down, models across. */
import type { Summary } from '../run/summary.ts';

/** Four digits that matter; whole numbers as they are. */
export function formatNumber(value: number | null | undefined): string {
  if (value === undefined) return '';
  if (value === null || !Number.isFinite(value)) return String(value ?? NaN);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(3) : value.toPrecision(4);
}

export function metricsTable({ metrics, baselines }: Pick<Summary, 'metrics' | 'baselines'>): string {
  const models = Object.entries(baselines);
  const names = [...new Set([metrics, ...models.map(([, table]) => table)].flatMap(Object.keys))];
  const header = ['metric', 'this run', ...models.map(([model]) => model)];
  const body = names.map((name) => [
    name,
    formatNumber(metrics[name]),
    ...models.map(([, table]) => formatNumber(table[name])),
  ]);
  const all = models.length > 0 ? [header, ...body] : body;
  const widths = header.map((_, column) => Math.max(0, ...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')}`,
    )
    .join('\n');
}
