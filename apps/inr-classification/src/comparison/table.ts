/** @file The comparison as a table: a row per model. */
import type { MeanInterval } from '@weightspace/experiment';

export interface ComparisonRow {
  /** Name of the recipe. */
  readonly model: string;
  /** Share of the test networks classified right, over seeds. */
  readonly accuracy: MeanInterval;
  /** The same of each seed. */
  readonly accuracies: readonly number[];
  readonly parameters: number;
  /** Median over the steps of all seeds' trainings. */
  readonly stepSeconds: number;
  readonly batch: number;
  readonly epochs: number;
  /** In %, as published. */
  readonly published: string | undefined;
}

const percent = (share: number): string => (100 * share).toFixed(1);

/** Mean and half of the 95 % interval in %; the mean alone for one seed. */
export const intervalText = ({ mean, high, count }: MeanInterval): string =>
  count < 2 ? percent(mean) : `${percent(mean)} ± ${percent(high - mean)}`;

const milliseconds = (seconds: number): string =>
  (1000 * seconds).toLocaleString('en', { maximumSignificantDigits: 3 });

const columns: readonly (readonly [title: string, align: 'left' | 'right', (row: ComparisonRow) => string])[] = [
  ['model', 'left', ({ model }) => model],
  ['test accuracy in %', 'right', ({ accuracy }) => intervalText(accuracy)],
  ['seeds', 'right', ({ accuracy }) => String(accuracy.count)],
  ['parameters', 'right', ({ parameters }) => parameters.toLocaleString('en')],
  ['step in ms', 'right', ({ stepSeconds }) => milliseconds(stepSeconds)],
  ['batch', 'right', ({ batch }) => String(batch)],
  ['epochs', 'right', ({ epochs }) => String(epochs)],
  ['published in %', 'right', ({ published }) => published ?? ''],
];

/** With aligned columns, so that it reads well as it is too. */
export function tableAsMarkdown(rows: readonly ComparisonRow[]): string {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, , text]) => text(row)))];
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, at) => (columns[at]![1] === 'left' ? text.padEnd(widths[at]!) : text.padStart(widths[at]!))).join(' | ')} |`;
  const rule = `| ${columns.map(([, align], at) => (align === 'left' ? '-'.repeat(widths[at]!) : `${'-'.repeat(widths[at]! - 1)}:`)).join(' | ')} |`;
  const [header, ...body] = cells;
  return [line(header!), rule, ...body.map(line)].join('\n');
}

/** Plain numbers, for programs; bounds are empty for one seed. */
export function tableAsCsv(rows: readonly ComparisonRow[]): string {
  const header =
    'model,accuracy,accuracy_low,accuracy_high,seeds,accuracies,parameters,step_seconds,batch,epochs,published_percent';
  const bound = (x: number) => (Number.isFinite(x) ? x : '');
  const body = rows.map(({ model, accuracy, accuracies, parameters, stepSeconds, batch, epochs, published }) =>
    [
      ...[model, accuracy.mean, bound(accuracy.low), bound(accuracy.high), accuracy.count, accuracies.join(' ')],
      ...[parameters, stepSeconds, batch, epochs, published ?? ''],
    ].join(','),
  );
  return `${[header, ...body].join('\n')}\n`;
}
