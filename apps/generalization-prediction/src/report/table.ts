/** @file Verdicts as tables: Markdown for people, CSV for programs. */
import type { Estimate } from '@weightspace/experiment';

import { measureNames } from '../evaluation/measures.ts';
import type { Verdict } from '../experiments/study.ts';
import { recipes } from '../models/recipes.ts';

const three = (x: number): string => (Number.isFinite(x) ? x.toFixed(3) : '');

/** `0.912 (0.903 to 0.921)`. */
export const estimateText = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) ? `${three(value)} (${three(low)} to ${three(high)})` : three(value);

type Column = readonly [title: string, align: 'left' | 'right', text: (row: Verdict) => string];

const seedsText = ({ seeds: { mean, high, count } }: Verdict): string =>
  count < 2 ? '' : `± ${three(high - mean)} (${count})`;

const columns: readonly Column[] = [
  ['model', 'left', ({ model }) => model],
  ["Kendall's τ", 'right', ({ estimates }) => estimateText(estimates['kendall-tau'])],
  ['over seeds', 'right', seedsText],
  ["Spearman's ρ", 'right', ({ estimates }) => three(estimates.spearman.value)],
  ['R²', 'right', ({ estimates }) => estimateText(estimates.r2)],
  ['MAE', 'right', ({ estimates }) => three(estimates.mae.value)],
  ['RMSE', 'right', ({ estimates }) => three(estimates.rmse.value)],
  ['parameters', 'right', ({ parameters }) => (parameters > 0 ? parameters.toLocaleString('en') : '')],
  [
    'step in ms',
    'right',
    ({ stepSeconds }) => (Number.isFinite(stepSeconds) ? (1000 * stepSeconds).toPrecision(3) : ''),
  ],
  ['epoch', 'right', ({ chosen, epochs }) => (chosen.length > 0 ? `${chosen.join(', ')} of ${epochs}` : '')],
  ['published τ', 'right', ({ model }) => recipes[model]?.published ?? ''],
];

export const tableAsMarkdown = (rows: readonly Verdict[]): string => markdown(columns, rows);

/** With aligned columns, so that it reads well as it is too. */
export function markdown<T>(
  wanted: readonly (readonly [title: string, align: 'left' | 'right', text: (row: T) => string])[],
  rows: readonly T[],
): string {
  const cells = [wanted.map(([title]) => title), ...rows.map((row) => wanted.map(([, , text]) => text(row)))];
  const widths = wanted.map((_, at) => Math.max(3, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, at) => (wanted[at]![1] === 'left' ? text.padEnd(widths[at]!) : text.padStart(widths[at]!))).join(' | ')} |`;
  const rule = `| ${wanted.map(([, align], at) => (align === 'left' ? '-'.repeat(widths[at]!) : `${'-'.repeat(widths[at]! - 1)}:`)).join(' | ')} |`;
  const [header, ...body] = cells;
  return [line(header!), rule, ...body.map(line)].join('\n');
}

/** Plain numbers; what isn't known is empty. */
export function tableAsCsv(rows: readonly Verdict[]): string {
  const plain = (x: number) => (Number.isFinite(x) ? String(x) : '');
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const header = [
    ...['model', 'part'],
    ...measureNames.flatMap((name) => [name, `${name}_low`, `${name}_high`]),
    ...[
      'kendall-tau_seeds_low',
      'kendall-tau_seeds_high',
      'seeds',
      'parameters',
      'step_seconds',
      'chosen_epochs',
      'epochs',
    ],
  ];
  const body = rows.map(({ model, part, estimates, seeds, parameters, stepSeconds, chosen, epochs }) => [
    ...[quoted(model), quoted(part)],
    ...measureNames.flatMap((name) => [estimates[name].value, estimates[name].low, estimates[name].high].map(plain)),
    ...[seeds.low, seeds.high, seeds.count, parameters, stepSeconds].map(plain),
    ...[chosen.join(' '), String(epochs)],
  ]);
  return `${[header, ...body].map((row) => row.join(',')).join('\n')}\n`;
}
