import { siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { drawGraph, graphStructure, graphStyles, parameterGraph, pictureToPng } from '@weightspace/parameter-graph';
import type { DrawOptions } from '@weightspace/parameter-graph';
import { describe, expect, test } from 'vitest';

import { batchNormCnn, smallNetworks, weightsOf, zooCnn } from './networks.ts';

const draw = (architecture: Architecture, options: DrawOptions = {}) =>
  drawGraph(parameterGraph(architecture, weightsOf(architecture)), options);
const lines = (svg: string): number =>
  svg.match(/stroke="#(0072b2|d55e00)" stroke-width="[\d.]+" stroke-opacity/g)?.length ?? 0;

describe('drawGraph', () => {
  test('draws every connection of a small network, and says so', () => {
    const { svg, caption } = draw(siren({ sizes: [2, 5, 3, 1] }));
    expect(lines(svg)).toBe(10 + 5 + 15 + 3 + 3 + 1);
    expect(svg.match(/<circle/g)).toHaveLength(11);
    expect(caption).toBe('All 37 connections are drawn.');
  });

  test('draws the largest of too many, and states their share', () => {
    const architecture = siren({ sizes: [2, 32, 32, 1] });
    const graph = parameterGraph(architecture, weightsOf(architecture));
    const { svg, caption } = drawGraph(graph, { mostLines: 50 });
    // 50 of 64 and of 1,024 weights, all 32 of the last, all biases: 32, 32 and 1.
    expect(lines(svg)).toBe(50 + 50 + 32 + 32 + 32 + 1);
    expect(caption).toBe(
      '197 of 1,185 connections are drawn (16.6 %): for each parameter at most the 50 largest in magnitude.',
    );
  });

  test('draws one line for all positions of a kernel', () => {
    const { svg } = draw(zooCnn());
    expect(lines(svg)).toBe(16 + 16 + 256 + 16 + 256 + 16 + 160 + 10);
  });

  test('colours by sign: as many positive and negative lines as there are weights', () => {
    const architecture = siren({ sizes: [2, 6, 1] });
    const params = weightsOf(architecture);
    const { svg } = draw(architecture);
    const negative = Object.values(params).reduce((n, { data }) => n + data.filter((value) => value < 0).length, 0);
    expect(svg.match(/stroke="#d55e00" stroke-width="[\d.]+" stroke-opacity/g)).toHaveLength(negative);
  });

  test.each(Object.entries(smallNetworks()))(
    'draws %s within its frame, as valid XML with a legend',
    (_, architecture) => {
      for (const style of graphStyles()) {
        const picture = drawGraph(parameterGraph(architecture, weightsOf(architecture), { style }));
        const { svg, width, height } = picture;
        expect(svg).not.toMatch(/NaN|undefined|Infinity/);
        const shift = Number(/<g transform="translate\(([-\d.]+) ([-\d.]+)\)"><g fill="none"/.exec(svg)![1]);
        for (const [, x, y] of svg.matchAll(/<circle cx="([-\d.]+)" cy="([-\d.]+)"/g)) {
          expect(Number(x) + shift).toBeGreaterThan(0);
          expect(Number(x) + shift).toBeLessThan(width);
          expect(Number(y)).toBeLessThan(height);
        }
        expect(svg).toContain('positive');
      }
    },
  );

  test('shows a title with letters that XML reserves, and only the layers that are asked for', () => {
    const { svg } = draw(batchNormCnn(), { title: 'a < b & "c"', layers: ['conv2', 'bn2'] });
    expect(svg).toContain('a &lt; b &amp; &quot;c&quot;');
    expect(svg).toContain('>conv2<');
    expect(svg).not.toContain('>fc1<');
  });

  test('colours nodes by numbers: white for 0, blue and orange for the largest magnitude, bars in stripes', () => {
    const architecture = siren({ sizes: [2, 3, 1] });
    const nodeCount = graphStructure(architecture).nodeCount;
    const nodeValues = Float64Array.from({ length: nodeCount }, (_, node) => (node === 2 ? -2 : node === 3 ? 1 : 0));
    const meaning = { positive: 'raises it', negative: 'lowers it' };
    const { svg } = draw(architecture, { nodeValues, meaning });
    const fills = [...svg.matchAll(/<circle [^>]*fill="(#[0-9a-f]{6})"/g)].map(([, fill]) => fill);
    expect(fills.filter((fill) => fill !== '#ffffff')).toEqual(['#d55e00', '#80b9d9']);
    expect(svg).toContain('>raises it<');
    expect(svg).toContain('>lowers it<');
    expect(svg).not.toContain('>positive<');
    const bars = draw(architecture, { nodeValues, mostNodes: 2 }).svg;
    expect(bars).toMatch(/<rect [^>]*fill="#d55e00"/);
    expect(draw(architecture, {}).svg).not.toContain('#80b9d9');
    expect(() => draw(architecture, { nodeValues: [1, 2] })).toThrow(
      `drawGraph: nodeValues must have a number for each of the ${nodeCount} nodes, got 2`,
    );
  });

  test('refuses settings that are not possible', () => {
    const architecture = siren({ sizes: [2, 3, 1] });
    expect(() => draw(architecture, { mostLines: 0 })).toThrow(
      'drawGraph: mostLines must be a whole number ≥ 1, got 0',
    );
    expect(() => draw(architecture, { layers: ['layer9'] })).toThrow(
      'drawGraph: layers must be of layer1, layer2, got layer9',
    );
  });
});

describe('pictureToPng', () => {
  test('gives a PNG of the size that is asked for, with text in it', async () => {
    const picture = draw(siren({ sizes: [2, 3, 1] }));
    const png = Buffer.from(await pictureToPng(picture, 1));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(picture.width);
    const without = await pictureToPng({ ...picture, svg: picture.svg.replace(/<text.*?<\/text>/g, '') }, 1);
    expect(png.length).toBeGreaterThan(without.length * 1.1);
  });
});
