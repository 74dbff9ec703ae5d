/** @file Models side by side. */
import type { Plot } from './plot.ts';
import { formatShort } from './histogram.ts';
import { FAINT, INK, PALETTE, titled } from './theme.ts';
import { renderVega } from './vega.ts';
import type { Axis } from './vega.ts';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Bounds of an interval. */
  readonly low?: number;
  readonly high?: number;
  /** Drawn in colour; the others are grey. Without any, all are in colour. */
  readonly highlight?: boolean;
}

export interface BarPlotOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly value: Axis;
  readonly bars: readonly Bar[];
  /** A dashed line, such as chance. */
  readonly reference?: { readonly name: string; readonly value: number };
  /** Text at a bar's end. */
  readonly label?: (value: number) => string;
  readonly width?: number;
}

/** Horizontal bars, each with its name and value, in the given order. */
export async function barPlot({
  title,
  subtitle,
  value,
  bars,
  reference,
  label = formatShort,
  width = 420,
}: BarPlotOptions): Promise<Plot> {
  const some = bars.some(({ highlight }) => highlight === true);
  const rows = bars
    .filter((bar) => Number.isFinite(bar.value))
    .map((bar) => ({
      ...bar,
      text: label(bar.value),
      end: Math.max(bar.value, bar.high ?? bar.value),
      color: !some || bar.highlight === true ? PALETTE[0] : '#b6bec9',
    }));
  const names = bars.map(({ name }) => name);
  const y = {
    field: 'name',
    type: 'nominal',
    sort: names,
    title: null,
    scale: { domain: names, paddingInner: 0.3, paddingOuter: 0.15 },
    axis: { ticks: false, domain: false, labelPadding: 8, labelLimit: 320 },
  };
  const scale = { zero: true, nice: true, ...(value.domain === undefined ? {} : { domain: value.domain }) };
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    title: value.title,
    scale,
    axis: { grid: true, tickCount: 6, ...(value.format === undefined ? {} : { format: value.format }) },
  });
  const intervals = rows.filter((row) => row.low !== undefined && row.high !== undefined);
  const referenceLayers =
    reference === undefined
      ? []
      : [
          {
            data: { values: [{ at: reference.value, name: reference.name }] },
            mark: { type: 'rule', color: FAINT, strokeDash: [5, 4] },
            encoding: { x: x('at') },
          },
          {
            data: { values: [{ at: reference.value, name: reference.name }] },
            mark: { type: 'text', color: FAINT, align: 'left', dx: 4, dy: -6, fontSize: 11, y: 0 },
            encoding: { x: x('at'), text: { field: 'name' } },
          },
        ];
  return renderVega({
    title: titled(title, subtitle),
    width,
    height: Math.max(60, 34 * bars.length),
    layer: [
      {
        data: { values: rows },
        mark: { type: 'bar', cornerRadiusEnd: 2 },
        encoding: { y, x: x('value'), color: { field: 'color', type: 'nominal', scale: null } },
      },
      {
        data: { values: intervals },
        mark: { type: 'rule', strokeWidth: 1.6, color: INK },
        encoding: { y, x: x('low'), x2: { field: 'high' } },
      },
      {
        data: { values: rows },
        mark: { type: 'text', align: 'left', dx: 6, fontSize: 12, color: INK },
        encoding: { y, x: x('end'), text: { field: 'text' } },
      },
      ...referenceLayers,
    ],
  });
}
