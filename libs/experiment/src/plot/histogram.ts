/** @file How often values fall where. */
import type { Plot } from './plot.ts';
import { PALETTE, titled } from './theme.ts';
import { renderVega, shows } from './vega.ts';
import type { Axis } from './vega.ts';

export interface HistogramOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: Axis;
  /** What is counted, e.g. `networks`. */
  readonly counted: string;
  readonly series: readonly { readonly name: string; readonly values: ArrayLike<number> }[];
  /** About how many bars. */
  readonly bins?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Bars of round width; several series share the bins and lie over each other. The median is a dashed line. */
export async function histogram({
  title,
  subtitle,
  x,
  counted,
  series,
  bins = 30,
  width = 480,
  height = 260,
}: HistogramOptions): Promise<Plot> {
  const clean = series.map(({ name, values }) => ({
    name,
    values: Array.from(values).filter((value) => shows(x, value)),
  }));
  const all = clean.flatMap(({ values }) => values);
  const [low, high] = all.length === 0 ? [0, 1] : extent(all);
  const step = niceStep((high - low) / bins || Math.abs(low) / bins || 1 / bins);
  const start = Math.floor(low / step) * step;
  const rows = clean.flatMap(({ name, values }) => count(values, start, step).map((bar) => ({ series: name, ...bar })));
  const medians = clean
    .filter(({ values }) => values.length > 0)
    .map(({ name, values }) => ({ series: name, median: median(values) }));
  const names = clean.map(({ name }) => name);
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: names.map((_, at) => PALETTE[at % PALETTE.length]) },
    legend: names.length > 1 ? {} : null,
  };
  const xScale = {
    type: 'quantitative',
    title: x.title,
    scale: { zero: false, nice: false },
    axis: x.format === undefined ? {} : { format: x.format },
  };
  const medianText = medians
    .map((row) => `${names.length > 1 ? `${row.series} ` : ''}${formatShort(row.median)}`)
    .join(', ');
  return renderVega({
    title: titled(title, subtitle ?? (medians.length === 0 ? 'no values' : `median ${medianText} (dashed)`)),
    width,
    height,
    layer: [
      {
        data: { values: rows },
        mark: { type: 'rect', opacity: names.length > 1 ? 0.6 : 0.9, stroke: 'white', strokeWidth: 0.6 },
        encoding: {
          x: { field: 'from', ...xScale },
          x2: { field: 'to' },
          y2: { datum: 0 },
          y: {
            field: 'count',
            type: 'quantitative',
            title: counted,
            scale: { zero: true, nice: true },
            axis: { format: 'd', tickMinStep: 1 },
          },
          color,
        },
      },
      {
        data: { values: medians },
        mark: { type: 'rule', strokeDash: [5, 4], strokeWidth: 2 },
        encoding: { x: { field: 'median', ...xScale }, color: names.length > 1 ? color : { value: '#222222' } },
      },
    ],
  });
}

function count(values: readonly number[], start: number, step: number): { from: number; to: number; count: number }[] {
  const counts = new Map<number, number>();
  for (const value of values) {
    const bin = Math.floor((value - start) / step + 1e-9);
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  return [...counts].map(([bin, n]) => ({ from: start + bin * step, to: start + (bin + 1) * step, count: n }));
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10);
}

function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export const formatShort = (value: number): string =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)));
