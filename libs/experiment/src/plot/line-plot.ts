/** @file Curves: losses over steps, accuracy over data. */
import type { Plot } from './plot.ts';
import { channel, renderVega, shows } from './vega.ts';
import type { Axis } from './vega.ts';
import { PALETTE, titled } from './theme.ts';

export interface LineSeries {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Bounds of a band, such as an interval over seeds. */
  readonly low?: ArrayLike<number>;
  readonly high?: ArrayLike<number>;
  readonly dashed?: boolean;
  /** Marks each point; for few of them. */
  readonly points?: boolean;
  /** Draws the mean over this many neighbours, with the values themselves faint behind it. */
  readonly smooth?: number;
}

export interface LinePlotOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly LineSeries[];
  readonly width?: number;
  readonly height?: number;
}

interface Row {
  readonly series: string;
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/** More points than this on one curve can't be seen apart. */
const MOST_POINTS = 1200;

/** Lines with a legend; values that aren't finite are left out, and long series thinned such that peaks stay. */
export async function linePlot({
  title,
  subtitle,
  x,
  y,
  series,
  width = 480,
  height = 280,
}: LinePlotOptions): Promise<Plot> {
  const names = series.map(({ name }) => name);
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: names.map((_, at) => PALETTE[at % PALETTE.length]) },
    legend: names.length > 1 ? { symbolType: 'stroke', symbolOpacity: 1, symbolSize: 260, symbolStrokeWidth: 3 } : null,
  };
  const rowsOf = series.flatMap((one) => {
    const rows = toRows(one, x, y);
    if (one.smooth === undefined) return [{ one, rows: thin(rows), faint: false }];
    return [
      { one, rows: thin(rows), faint: true },
      { one, rows: thin(smoothed(rows, one.smooth)), faint: false },
    ];
  });
  const all = rowsOf.flatMap(({ rows }) => rows);
  const xChannel = channel(
    x,
    all.map((row) => row.x),
  );
  const yChannel = channel(
    y,
    all.flatMap((row) => [row.y, row.low ?? row.y, row.high ?? row.y]).filter((value) => shows(y, value)),
  );
  const encoding = { x: { field: 'x', ...xChannel }, y: { field: 'y', ...yChannel }, color };
  const bands = rowsOf
    .filter(({ one }) => one.low !== undefined && one.high !== undefined)
    .map(({ rows }) => ({
      data: { values: rows },
      mark: { type: 'area', opacity: 0.18 },
      encoding: { ...encoding, y: { field: 'low', ...yChannel }, y2: { field: 'high' } },
    }));
  const lines = rowsOf.map(({ one, rows, faint }) => ({
    data: { values: rows },
    mark: {
      type: 'line',
      ...(faint
        ? { strokeWidth: 1, opacity: 0.25 }
        : rows.length > 300 && one.smooth === undefined
          ? { strokeWidth: 1.2 }
          : {}),
      ...(one.dashed === true ? { strokeDash: [6, 4] } : {}),
      // A single value draws no line.
      ...(one.points === true || rows.length === 1 ? { point: true } : {}),
    },
    encoding,
  }));
  return renderVega({
    title: titled(title, subtitle),
    width,
    height,
    layer: [...bands, ...lines],
  });
}

function toRows(one: LineSeries, x: Axis, y: Axis): Row[] {
  const count = one.y.length;
  if (one.x.length !== count)
    throw new RangeError(`linePlot: series '${one.name}' must have as many x as y, got ${one.x.length} and ${count}`);
  return Array.from({ length: count }, (_, at) => ({
    series: one.name,
    x: one.x[at]!,
    y: one.y[at]!,
    ...(one.low === undefined || one.high === undefined ? {} : { low: one.low[at]!, high: one.high[at]! }),
  })).filter((row) => shows(x, row.x) && shows(y, row.y));
}

/** The mean of up to `window` values around each. */
function smoothed(rows: readonly Row[], window: number): Row[] {
  const sums = [0];
  for (const { y } of rows) sums.push(sums.at(-1)! + y);
  const half = Math.max(0, Math.floor(window / 2));
  return rows.map((row, at) => {
    const [from, to] = [Math.max(0, at - half), Math.min(rows.length, at + half + 1)];
    return { ...row, y: (sums[to]! - sums[from]!) / (to - from) };
  });
}

/** Of each run of neighbours the lowest and the highest one. */
export function thin<T extends { readonly y: number }>(rows: readonly T[]): readonly T[] {
  if (rows.length <= MOST_POINTS) return rows;
  const size = Math.ceil((2 * rows.length) / MOST_POINTS);
  const kept: T[] = [];
  for (let from = 0; from < rows.length; from += size) {
    const part = rows.slice(from, from + size);
    const [low, high] = [minBy(part, (row) => row.y), minBy(part, (row) => -row.y)];
    kept.push(...(low === high ? [part[low]!] : [part[Math.min(low, high)]!, part[Math.max(low, high)]!]));
  }
  return kept;
}

function minBy<T>(rows: readonly T[], f: (row: T) => number): number {
  let best = 0;
  for (let at = 1; at < rows.length; at++) if (f(rows[at]!) < f(rows[best]!)) best = at;
  return best;
}
