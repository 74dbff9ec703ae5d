import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Resvg } from '@resvg/resvg-js';
import { beforeAll, describe, expect, test } from 'vitest';

import {
  barPlot,
  chooseFonts,
  confusionMatrix,
  greyPng,
  histogram,
  imageGrid,
  linePlot,
  plotToPng,
  scatterPlot,
  textIsVisible,
} from '@weightspace/experiment';
import type { Plot } from '@weightspace/experiment';

import { temporaryFolder } from './support.ts';

const x = [1, 2, 3, 4, 5];
const makers: Record<string, () => Promise<Plot> | Plot> = {
  linePlot: () =>
    linePlot({
      title: 'Loss & more <b>',
      subtitle: 'three seeds',
      x: { title: 'step' },
      y: { title: 'cross entropy (nats)', log: true },
      series: [
        { name: 'training', x, y: [3, 2, NaN, 0, 0.5], low: [2, 1, 1, 1, 0.2], high: [4, 3, 3, 3, 0.9] },
        { name: 'validation', x, y: [4, 3, 2.5, 2.2, 2], dashed: true, points: true },
      ],
    }),
  'linePlot without values': () =>
    linePlot({
      title: 'Nothing',
      x: { title: 'x' },
      y: { title: 'y', log: true },
      series: [{ name: 'a', x: [], y: [] }],
    }),
  confusionMatrix: () =>
    confusionMatrix({
      title: 'Digits',
      classes: ['cat', 'dog', 'owl'],
      counts: [
        [7, 1, 0],
        [2, 5, 1],
        [0, 0, 0],
      ],
    }),
  histogram: () =>
    histogram({
      title: 'PSNR',
      x: { title: 'PSNR (dB)' },
      counted: 'networks',
      series: [{ name: 'all', values: [1, 2, 2, 3, 3, 3, Infinity] }],
    }),
  'histogram of one value': () =>
    histogram({
      title: 'One',
      x: { title: 'x' },
      counted: 'runs',
      series: [
        { name: 'a', values: [5, 5] },
        { name: 'b', values: [] },
      ],
    }),
  scatterPlot: () =>
    scatterPlot({
      title: 'Predicted',
      x: { title: 'true' },
      y: { title: 'predicted' },
      diagonal: true,
      series: [{ name: 'nfn', x, y: [1.1, 2.2, 2.9, 4, NaN] }],
    }),
  barPlot: () =>
    barPlot({
      title: 'Models',
      value: { title: 'test accuracy' },
      reference: { name: 'chance', value: 0.1 },
      bars: [
        { name: 'nfn', value: 0.9, low: 0.88, high: 0.92, highlight: true },
        { name: 'flat', value: 0.2 },
        { name: 'lost', value: NaN },
      ],
    }),
  imageGrid: () =>
    imageGrid({ title: 'Digits', images: [image(0.2, 'right'), image(0.9, 'wrong'), image(0.5)], columns: 2 }),
};

function image(grey: number, verdict?: 'right' | 'wrong') {
  return {
    pixels: new Float32Array(6 * 4).fill(grey),
    width: 6,
    height: 4,
    caption: `${grey} <&>`,
    ...(verdict === undefined ? {} : { verdict }),
  };
}

/** Shares of pixels that aren't white, and the number of different colours. */
function pixelsOf(png: Uint8Array) {
  const [width, height] = [Buffer.from(png).readUInt32BE(16), Buffer.from(png).readUInt32BE(20)];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><image width="${width}" height="${height}" href="data:image/png;base64,${Buffer.from(png).toString('base64')}"/></svg>`;
  const { pixels } = new Resvg(svg, { background: 'white' }).render();
  let ink = 0;
  const colors = new Set<number>();
  for (let at = 0; at < pixels.length; at += 4) {
    const color = pixels.readUInt32LE(at);
    colors.add(color);
    if (color !== 0xffffffff) ink++;
  }
  return { width, height, ink: ink / (width * height), colors };
}

describe.each(Object.entries(makers))('%s', (_, make) => {
  let plot: Plot;
  beforeAll(async () => void (plot = await make()));
  test('is SVG of its own size, with its text escaped', () => {
    expect(plot.svg.startsWith('<svg ')).toBe(true);
    expect(plot.svg.includes(`width="${plot.width}" height="${plot.height}"`)).toBe(true);
    expect(plot.svg.match(/<(g|svg|text)\b/g)!.length).toBeGreaterThan(3);
    expect(/NaN|undefined|<b>|<&>/.exec(plot.svg)).toBeNull();
  });
  test('is a PNG at twice the size with something on it', async () => {
    const { width, height, ink, colors } = pixelsOf(await plotToPng(plot));
    expect([width, height].map((size) => size / 2)).toEqual([Math.round(plot.width), Math.round(plot.height)]);
    expect(ink).toBeGreaterThan(0.005);
    expect(ink).toBeLessThan(0.95);
    expect(colors.size).toBeGreaterThan(20);
  });
});

describe('linePlot', () => {
  test('keeps the peaks of a long series', async () => {
    const count = 50_000;
    const y = Float64Array.from({ length: count }, (_, at) => (at === 31_234 ? 900 : Math.sin(at)));
    const plot = await linePlot({
      title: 'Long',
      x: { title: 'step' },
      y: { title: 'loss' },
      series: [{ name: 'a', x: y.map((_, at) => at), y, smooth: 99 }],
    });
    expect(plot.svg.length).toBeLessThan(200_000);
    expect(plot.svg.includes(' to 900"')).toBe(true);
  });
  test('refuses series whose lengths differ', async () => {
    const bad = linePlot({ title: '', x: { title: '' }, y: { title: '' }, series: [{ name: 'a', x: [1, 2], y: [1] }] });
    await expect(bad).rejects.toThrow("linePlot: series 'a' must have as many x as y, got 2 and 1");
  });
});

describe('the other plots', () => {
  test('refuse what does not fit', async () => {
    await expect(
      confusionMatrix({
        title: '',
        classes: ['a', 'b', 'c'],
        counts: [
          [1, 2],
          [3, 4],
        ],
      }),
    ).rejects.toThrow('confusionMatrix: counts must have shape [3, 3] for 3 classes, got [2, 2]');
    await expect(
      scatterPlot({ title: '', x: { title: '' }, y: { title: '' }, series: [{ name: 'a', x: [1], y: [1, 2] }] }),
    ).rejects.toThrow("scatterPlot: series 'a' must have as many x as y, got 1 and 2");
    expect(() => greyPng(new Uint8Array(7), 2, 4)).toThrow('greyPng: pixels must hold 2 · 4 = 8 values, got 7');
  });
  test('show counts, shares and medians as text', async () => {
    expect((await makers['confusionMatrix']!()).svg).toContain('12 of 16 right (75.0 %)');
    expect((await makers['histogram']!()).svg).toContain('median 2.5 (dashed)');
    expect((await makers['imageGrid']!()).svg).toContain('✗ 0.9 &lt;&amp;&gt;');
  });
});

describe('greyPng', () => {
  test('gives back its pixels', () => {
    const grey = Uint8Array.of(0, 50, 255, 128, 7, 200);
    const { width, height, colors } = pixelsOf(greyPng(grey, 3, 2));
    expect([width, height]).toEqual([3, 2]);
    expect(colors).toEqual(new Set([...grey].map((value) => (0xff000000 + value * 0x10101) >>> 0)));
  });
});

describe('fonts', () => {
  test('show text on this machine', async () => {
    expect(await textIsVisible()).toBe(true);
  });
  test('are taken from the first folder that has a fitting one', () => {
    const [empty, some] = [temporaryFolder(), temporaryFolder()];
    mkdirSync(join(some, 'truetype'));
    for (const name of [
      'LiberationSans-Regular.ttf',
      'LiberationSans-Bold.ttf',
      'LiberationSans-Italic.ttf',
      'Wingdings.ttf',
    ]) {
      writeFileSync(join(some, 'truetype', name), '');
    }
    expect(chooseFonts([empty, join(empty, 'missing'), some])).toEqual({
      loadSystemFonts: false,
      fontFiles: ['LiberationSans-Bold.ttf', 'LiberationSans-Regular.ttf'].map((name) => join(some, 'truetype', name)),
      defaultFontFamily: 'Liberation Sans',
      sansSerifFamily: 'Liberation Sans',
    });
  });
  test('are left to the system where no known one is found', () => {
    expect(chooseFonts([temporaryFolder()])).toMatchObject({ loadSystemFonts: true, fontFiles: [] });
  });
});

test('a long subtitle takes further lines, not a wider picture', async () => {
  const series = [{ name: 'one', x, y: x }];
  const drawn = (subtitle: string) =>
    linePlot({ title: 'Lines', subtitle, x: { title: 'x' }, y: { title: 'y' }, series });
  const [short, long] = [await drawn('few words'), await drawn('words and more words '.repeat(12).trim())];
  expect(long.width).toBe(short.width);
  expect(long.height).toBeGreaterThan(short.height);
  const shown = [...long.svg.matchAll(/>([^<]+)</g)].map(([, text]) => text).join(' ');
  expect(shown.match(/words/g)).toHaveLength(24);
});
