/** @file Points: predicted against true values. */
import type { Plot } from './plot.ts';
import { FAINT, PALETTE, titled } from './theme.ts';
import { channel, renderVega, shows } from './vega.ts';
import type { Axis } from './vega.ts';

export interface ScatterPlotOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly { readonly name: string; readonly x: ArrayLike<number>; readonly y: ArrayLike<number> }[];
  /** Draws the line y = x, and gives both axes the same bounds. */
  readonly diagonal?: boolean;
  readonly width?: number;
  readonly height?: number;
}

export async function scatterPlot({
  title,
  subtitle,
  x,
  y,
  series,
  diagonal = false,
  width = 400,
  height = 340,
}: ScatterPlotOptions): Promise<Plot> {
  const rows = series.flatMap((one) => {
    if (one.x.length !== one.y.length) {
      throw new RangeError(
        `scatterPlot: series '${one.name}' must have as many x as y, got ${one.x.length} and ${one.y.length}`,
      );
    }
    return Array.from(one.x, (value, at) => ({ series: one.name, x: value, y: one.y[at]! })).filter(
      (row) => shows(x, row.x) && shows(y, row.y),
    );
  });
  const bounds = diagonal && rows.length > 0 ? margin(rows.flatMap((row) => [row.x, row.y])) : undefined;
  const bounded = (axis: Axis): Axis =>
    bounds === undefined || axis.domain !== undefined || axis.log === true ? axis : { ...axis, domain: bounds };
  const names = series.map(({ name }) => name);
  const scale = { domain: names, range: names.map((_, at) => PALETTE[at % PALETTE.length]) };
  const line = bounds === undefined ? [] : bounds.map((at) => ({ x: at, y: at }));
  const encoding = {
    x: {
      field: 'x',
      ...channel(
        bounded(x),
        rows.map((row) => row.x),
      ),
    },
    y: {
      field: 'y',
      ...channel(
        bounded(y),
        rows.map((row) => row.y),
      ),
    },
  };
  return renderVega({
    title: titled(title, subtitle),
    width,
    height,
    layer: [
      { data: { values: line }, mark: { type: 'line', color: FAINT, strokeDash: [5, 4], strokeWidth: 1.2 }, encoding },
      {
        data: { values: rows },
        mark: {
          type: 'point',
          filled: true,
          size: rows.length > 500 ? 14 : 36,
          opacity: rows.length > 500 ? 0.5 : 0.75,
        },
        encoding: {
          ...encoding,
          color: { field: 'series', type: 'nominal', title: null, scale, legend: names.length > 1 ? {} : null },
        },
      },
    ],
  });
}

function margin(values: readonly number[]): [number, number] {
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const room = (high - low || 1) * 0.04;
  return [low - room, high + room];
}
