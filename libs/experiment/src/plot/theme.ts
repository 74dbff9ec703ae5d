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

/** Letters of a subtitle that fit over a plot; longer ones would make the picture wider. */
const LINE_LENGTH = 76;

/** A title, with a subtitle in as many lines as it takes. */
export const titled = (text: string, subtitle?: string) => ({
  text,
  ...(subtitle === undefined ? {} : { subtitle: wrapped(subtitle, LINE_LENGTH) }),
});

/** Lines of whole words, none longer than `length` unless one word is. */
export function wrapped(text: string, length: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)!} ${word}`;
    if (lines.length > 0 && longer.length <= length) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
