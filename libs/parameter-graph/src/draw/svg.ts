/** @file Pieces of SVG. */

const NAMES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Control characters, which XML cannot hold, become spaces. */
export const escapeXml = (value: string): string =>
  value
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ' ')
    .replace(/[&<>"']/g, (letter) => NAMES[letter]!);

export interface TextOptions {
  readonly size: number;
  readonly fill: string;
  readonly weight?: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  /** White behind the letters, where lines pass. */
  readonly halo?: boolean;
}

export function text(x: number, y: number, value: string, options: TextOptions): string {
  const { size, fill, weight, anchor, halo } = options;
  const attributes = [
    `x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${fill}"`,
    weight === undefined ? '' : ` font-weight="${weight}"`,
    anchor === undefined ? '' : ` text-anchor="${anchor}"`,
    halo === true ? ' stroke="white" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke"' : '',
  ];
  return `<text ${attributes.join('')}>${escapeXml(value)}</text>`;
}

export const round = (value: number): string => String(Math.round(value * 100) / 100);

/** Shortened in the middle, so that both ends of a long name stay. */
export function shorten(value: string, most: number): string {
  if (value.length <= most) return value;
  const head = Math.ceil((most - 1) / 2);
  return `${value.slice(0, head)}…${value.slice(value.length - (most - 1 - head))}`;
}
