/** @file From a vega-lite specification to SVG. */
import type { TopLevelSpec } from 'vega-lite';

import type { Plot } from './plot.ts';
import { theme } from './theme.ts';

/** An axis; put the unit into the title: `time (seconds)`. */
export interface Axis {
  readonly title: string;
  /** Values that aren't above 0 are left out then. */
  readonly log?: boolean;
  /** Bounds; without them, those of the data. */
  readonly domain?: readonly [number, number];
  /** d3 format of the numbers, such as `.0%`. */
  readonly format?: string;
}

/** Average advance of a letter in units of the font's size (DejaVu Sans); vega's own guess is 0.8, too wide. */
const LETTER_WIDTH = 0.62;

export async function renderVega(spec: object): Promise<Plot> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const full = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: theme,
    ...spec,
  } as unknown as TopLevelSpec;
  const problems: string[] = [];
  const collect = (...texts: readonly unknown[]) => void problems.push(texts.join(' '));
  const silent = {
    level: () => silent,
    error: () => silent,
    warn: (...texts: unknown[]) => (collect(...texts), silent),
    info: () => silent,
    debug: () => silent,
  };
  const { textMetrics } = vega as unknown as { textMetrics?: { width: (item: unknown, text: unknown) => number } };
  if (textMetrics !== undefined) textMetrics.width = estimateWidth;
  const view = new vega.View(vega.parse(compile(full, { logger: silent as never }).spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    const [, width, height] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
    return { svg, width: Number(width), height: Number(height) };
  } finally {
    view.finalize();
  }
}

function estimateWidth(item: unknown, text: unknown): number {
  const { fontSize = 11, limit } = item as { fontSize?: number; limit?: number };
  const width = Math.ceil(String(text ?? '').length * fontSize * LETTER_WIDTH);
  return limit !== undefined && limit > 0 ? Math.min(width, limit) : width;
}

/** The scale and axis of an encoding channel; `values` are what is drawn on it. */
export function channel(axis: Axis, values: readonly number[]): object {
  const empty = values.length === 0;
  const domain = axis.domain ?? (empty ? ([1, 10] as const) : axis.log === true ? extent(values) : undefined);
  const scale = {
    ...(axis.log === true ? { type: 'log', nice: false } : { zero: false, nice: domain === undefined }),
    ...(domain === undefined ? {} : { domain, clamp: true }),
  };
  const ticks = axis.log === true && domain !== undefined ? logTicks(domain) : undefined;
  const shown = {
    title: axis.title,
    ...(axis.log === true ? { format: axis.format ?? '~g' } : axis.format === undefined ? {} : { format: axis.format }),
    ...(ticks === undefined ? {} : { values: ticks }),
  };
  return { type: 'quantitative', title: axis.title, scale, axis: shown };
}

/** Smallest and largest value; a single one gets room around it. */
function extent(values: readonly number[]): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low === high ? [low / 2, high * 2] : [low, high];
}

/** 1, 2 and 5 times powers of ten; over many decades the powers alone. */
export function logTicks([low, high]: readonly [number, number]): number[] {
  const decades = Math.log10(high / low);
  const factors = decades > 5 ? [1] : decades > 2.5 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    ticks.push(...factors.map((factor) => Number(`${factor}e${power}`)));
  }
  return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
}

/** Whether a value can be shown on an axis. */
export const shows = (axis: Axis, value: number): boolean => Number.isFinite(value) && (axis.log !== true || value > 0);
