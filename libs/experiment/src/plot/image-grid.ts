/** @file Small grey images with captions: what networks draw, and what was made of them. */
import { escapeXml } from './escape.ts';
import { FONT_FAMILY } from './fonts.ts';
import type { Plot } from './plot.ts';
import { greyPng } from './png.ts';
import { FAINT, INK, RIGHT, WRONG } from './theme.ts';

export interface GridImage {
  /** Row-major grey values from 0 (black) to 1 (white); others are cut to that range. */
  readonly pixels: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly caption: string;
  /** Colours the caption and the frame. */
  readonly verdict?: 'right' | 'wrong';
}

export interface ImageGridOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly images: readonly GridImage[];
  readonly columns?: number;
  /** Width of an image on the page, in pixels. */
  readonly size?: number;
}

const [MARGIN, GAP, CAPTION] = [16, 14, 20];

/** A grid in reading order; wrong ones are marked by a sign as well as by colour. */
export function imageGrid({ title, subtitle, images, columns = 8, size = 76 }: ImageGridOptions): Plot {
  const across = Math.max(1, Math.min(columns, images.length));
  const top = MARGIN + 24 + (subtitle === undefined ? 0 : 18);
  const tallest = Math.max(0, ...images.map(({ width, height }) => (size * height) / width));
  const rowHeight = tallest + CAPTION + GAP;
  const width = Math.max(2 * MARGIN + across * (size + GAP) - GAP, 2 * MARGIN + Math.ceil(title.length * 9.6));
  const height = Math.ceil(top + Math.ceil(images.length / across) * rowHeight + MARGIN - GAP);
  const cells = images.map((image, at) =>
    cell(image, MARGIN + (at % across) * (size + GAP), top + Math.floor(at / across) * rowHeight, size),
  );
  const heading =
    text(MARGIN, MARGIN + 12, title, `font-size="15" font-weight="bold" fill="${INK}"`) +
    (subtitle === undefined ? '' : text(MARGIN, MARGIN + 31, subtitle, `font-size="12" fill="${FAINT}"`));
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT_FAMILY}">` +
    `<rect width="${width}" height="${height}" fill="white"/>${heading}${cells.join('')}</svg>`;
  return { svg, width, height };
}

function cell({ pixels, width, height, caption, verdict }: GridImage, x: number, y: number, size: number): string {
  const bytes = Uint8Array.from({ length: pixels.length }, (_, at) =>
    Math.round(255 * Math.min(1, Math.max(0, pixels[at]! || 0))),
  );
  const data = Buffer.from(greyPng(bytes, width, height)).toString('base64');
  const tall = (size * height) / width;
  const color = verdict === undefined ? INK : verdict === 'right' ? RIGHT : WRONG;
  const frame = verdict === 'wrong' ? `stroke="${WRONG}" stroke-width="2"` : 'stroke="#d1d5db" stroke-width="1"';
  const sign = verdict === undefined ? '' : verdict === 'right' ? '✓ ' : '✗ ';
  return (
    `<image x="${x}" y="${y}" width="${size}" height="${tall}" preserveAspectRatio="none" style="image-rendering:pixelated" image-rendering="optimizeSpeed" href="data:image/png;base64,${data}"/>` +
    `<rect x="${x}" y="${y}" width="${size}" height="${tall}" fill="none" ${frame}/>` +
    text(x + size / 2, y + tall + 15, sign + caption, `font-size="11.5" text-anchor="middle" fill="${color}"`)
  );
}

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${x}" y="${y}" ${attributes}>${escapeXml(content)}</text>`;
