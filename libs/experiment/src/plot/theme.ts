/** @file One look for all plots. */
import { FONT_FAMILY } from './fonts.ts';

/**
 * Colours that stay apart for people who confuse some.
 *
 * Source: Okabe and Ito 2008, "Color Universal Design", the palette of eight. Departs: yellow, which is faint on white, is last.
 */
export const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#444444', '#f0e442'];
export const RIGHT = '#00734f';
export const WRONG = '#c0392b';
export const INK = '#222222';
export const FAINT = '#6b7280';

export const theme = {
  background: 'white',
  font: FONT_FAMILY,
  padding: 12,
  view: { stroke: 'transparent', continuousWidth: 460, continuousHeight: 280 },
  title: {
    fontSize: 15,
    fontWeight: 'bold',
    anchor: 'start',
    offset: 12,
    color: INK,
    subtitleColor: FAINT,
    subtitleFontSize: 12,
    subtitlePadding: 5,
  },
  axis: {
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 10,
    labelColor: INK,
    titleColor: INK,
    gridColor: '#e5e7eb',
    domainColor: '#9ca3af',
    tickColor: '#9ca3af',
    labelLimit: 220,
    labelFlush: false,
    labelOverlap: true,
  },
  axisX: { grid: false },
  axisY: { tickCount: 6 },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelColor: INK,
    titleColor: FAINT,
    symbolStrokeWidth: 3,
    labelLimit: 260,
    orient: 'bottom',
    columns: 3,
    columnPadding: 18,
  },
  range: { category: PALETTE, heatmap: { scheme: 'blues' }, ramp: { scheme: 'blues' } },
  line: { strokeWidth: 2 },
  bar: { color: PALETTE[0] },
  point: { filled: true, size: 36, opacity: 0.75 },
} as const;
