/** @file Curves and results as tables: Markdown for people, CSV for programs. */
import type { MeanInterval } from '@weightspace/experiment';
import { evaluationMeans } from '@weightspace/learned-optimizer';
import type { MetaPoint } from '@weightspace/learned-optimizer';

import type { Judgement, Result } from '../evaluation/judge.ts';

/** Mean losses of at most `count` equally long parts: `[last step, loss]`. */
export function means(curve: readonly MetaPoint[], count: number): [step: number, loss: number][] {
  const size = Math.ceil(curve.length / count);
  return Array.from({ length: Math.ceil(curve.length / size) }, (_, i) => {
    const part = curve.slice(i * size, (i + 1) * size);
    const loss = part.reduce((sum, point) => sum + point.loss, 0) / part.length;
    return [part.at(-1)!.step, Number(loss.toPrecision(6))];
  });
}

export function curveAsCsv(curve: readonly MetaPoint[]): string {
  const names = ['step', 'loss', 'gradientNorm', 'deviation', 'diverged', 'lost', 'innerSteps'] as const;
  return `${[names.join(','), ...curve.map((point) => names.map((name) => point[name]).join(','))].join('\n')}\n`;
}

/** `0.912 ± 0.012`: mean and half of its 95 % interval. */
export const intervalText = ({ mean, high }: MeanInterval): string =>
  Number.isFinite(high) ? `${mean.toFixed(3)} ± ${(high - mean).toFixed(3)}` : mean.toFixed(3);

export type Column<T> = readonly [title: string, align: 'left' | 'right', text: (row: T) => string];

const speedUpText = ({ speedUp: { factor, isBound } }: Result): string => `${isBound ? '≥ ' : ''}${factor.toFixed(2)}`;
const timeSpeedUpText = ({ speedUp: { isBound }, timeSpeedUp }: Result): string =>
  `${isBound ? '≥ ' : ''}${timeSpeedUp.toFixed(2)}`;
const measured = (measure: string) => (row: Result) => (row.final[measure] ? intervalText(row.final[measure]) : '');
const milliseconds = (seconds: number): string => (1e3 * seconds).toPrecision(2);

export const resultColumns: readonly Column<Result>[] = [
  ['optimizer', 'left', ({ name }) => name],
  ['training loss', 'right', measured('train/loss')],
  ['less baseline', 'right', ({ isBaseline, lead }) => (isBaseline ? '' : intervalText(lead))],
  ['test loss', 'right', measured('test/loss')],
  ['test accuracy', 'right', measured('test/accuracy')],
  ['speed-up', 'right', speedUpText],
  ['in time', 'right', timeSpeedUpText],
  ['diverged', 'right', ({ diverged }) => `${Math.round(100 * diverged)} %`],
  ['gradient in ms', 'right', ({ gradientSeconds }) => milliseconds(gradientSeconds)],
  ['update in ms', 'right', ({ updateSeconds }) => milliseconds(updateSeconds)],
  ['from record', 'right', ({ fromRecord }) => (fromRecord === undefined ? '' : fromRecord.toPrecision(1))],
];

/** With aligned columns, so that it reads well as it is too; columns that are empty are left out. */
export function asMarkdown<T>(wanted: readonly Column<T>[], rows: readonly T[]): string {
  const columns = wanted.filter(([, , text]) => rows.some((row) => text(row) !== ''));
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, , text]) => text(row)))];
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((row) => row[at]!.length)));
  const isLeft = (at: number) => columns[at]![1] === 'left';
  const line = (row: readonly string[]) =>
    `| ${row.map((text, at) => (isLeft(at) ? text.padEnd(widths[at]!) : text.padStart(widths[at]!))).join(' | ')} |`;
  const rule = widths.map((width, at) => (isLeft(at) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [header, ...body] = cells;
  return [line(header!), `| ${rule.join(' | ')} |`, ...body.map(line)].join('\n');
}

/** One row per optimizer; `before` are cells in front, by title. */
export function resultsAsCsv(
  results: readonly Result[],
  before: readonly { readonly [title: string]: string }[] = [],
): string {
  const measures = [...new Set(results.flatMap(({ final }) => Object.keys(final)))];
  const titles = Object.keys(before[0] ?? {});
  const header = [
    ...titles,
    'optimizer',
    ...measures.flatMap((measure) => [measure, `${measure}_low`, `${measure}_high`]),
    ...[
      'lead',
      'lead_low',
      'lead_high',
      'speed_up',
      'speed_up_is_bound',
      'time_speed_up',
      'diverged',
      'gradient_seconds',
      'update_seconds',
    ],
  ];
  const triple = (interval?: MeanInterval) =>
    [interval?.mean, interval?.low, interval?.high].map((x) => plain(x ?? NaN));
  const rows = results.map((own, i) => [
    ...titles.map((title) => quoted(before[i]![title]!)),
    quoted(own.name),
    ...measures.flatMap((measure) => triple(own.final[measure])),
    ...triple(own.lead),
    ...[plain(own.speedUp.factor), String(own.speedUp.isBound), plain(own.timeSpeedUp), plain(own.diverged)],
    ...[plain(own.gradientSeconds), plain(own.updateSeconds)],
  ]);
  return `${[header, ...rows].map((row) => row.join(',')).join('\n')}\n`;
}

/** What isn't known is empty. */
const plain = (x: number): string => (Number.isFinite(x) ? String(x) : '');
const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Means over networks at each evaluation, the envelope's among them. */
export function curvesAsCsv({ results, envelope }: Judgement): string {
  const measures = Object.keys(results[0]!.curves.evaluations);
  const rows = results.flatMap(({ name, curves }) => {
    const means = measures.map((measure) => evaluationMeans(curves, measure));
    return curves.at.map((step, i) => [quoted(name), String(step), ...means.map((own) => plain(own[i]!.mean))]);
  });
  const best = envelope.steps.map((step, i) => [
    'envelope',
    String(step),
    ...measures.map((measure) => (measure === envelope.measure ? plain(envelope.losses[i]!) : '')),
  ]);
  return `${[['optimizer', 'step', ...measures], ...rows, ...best].map((row) => row.join(',')).join('\n')}\n`;
}
