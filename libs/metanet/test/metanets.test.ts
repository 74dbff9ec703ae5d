import { gradientError, ndarray, toTensor } from '@weightspace/compute';
import type { NdArrays, tf } from '@weightspace/compute';
import { siren } from '@weightspace/architecture';
import {
  createMetanet,
  layoutOf,
  metanetKind,
  metanetKinds,
  registerMetanet,
  sinusoidalCodes,
  weightStatistics,
} from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { chain, stream, tiny } from './networks.ts';

const kinds = metanetKinds().map(({ kind }) => kind);
describe('published settings', () => {
  const countOf = (kind: string): number => {
    const { settings, sizes, outputs } = metanetKind(kind).published!;
    return createMetanet(kind, siren({ sizes }), outputs, settings as never).parameterCount;
  };
  const publishedCount = (kind: string) => metanetKind(kind).published!.parameterCount;
  /** Channels in and out of the three layers: 128 frequencies, with position codes for NP alone. */
  const widths = (first: number) => [[first, 512] as const, [512, 512] as const, [512, 512] as const];
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

  test('stat-nn has as many parameters as published', () => {
    expect(countOf('stat-nn')).toBe(1_054_010);
    expect(Math.abs(countOf('stat-nn') / publishedCount('stat-nn') - 1)).toBeLessThan(0.01);
  });

  test('nfn-np has those of the public code but for biases', () => {
    // The public code has 4 maps with a bias into each of 3 weights, and 2 into each of 3 biases; here it is one per tensor.
    const biases = sum(widths(269).map(([, d]) => (3 * 4 + 3 * 2 - 6) * d));
    expect(countOf('nfn-np')).toBe(45_650_218);
    expect(countOf('nfn-np') + biases).toBe(publishedCount('nfn-np'));
  });

  test('nfn-hnp has those of the public code but for redundant copies, biases and the map that it lacks', () => {
    const products = sum(widths(256).map(([c, d]) => c * d));
    // Into all 7 outputs: the means of the first weight, the last weight and the last bias over all, each also there per
    // input or output. Into the middle weight's columns: the first weight's mean over its inputs, also there per input.
    // Into the middle weight's rows and the middle bias: the last weight's mean over its one output.
    const copies = 3 * 7 + 1 + 2;
    // Maps with a bias: 2 into the first weight (2 inputs), 4 into the middle one, 2 into the last; 2, 2 and 1 into biases.
    const biases = sum(widths(256).map(([, d]) => (2 * 2 + 4 + 2 + 2 + 2 + 1 - 7) * d));
    const missing = products;
    expect(countOf('nfn-hnp')).toBe(53_758_762);
    expect([copies * products, biases, missing]).toEqual([15_728_640, 12_288, 655_360]);
    expect(countOf('nfn-hnp') + copies * products + biases - missing).toBe(publishedCount('nfn-hnp'));
  });
});

describe('sinusoidalCodes', () => {
  const layout = layoutOf('test', chain, 'all');
  const fixed = new Set(chain.spaces.filter((s) => !s.free).map((s) => s.name));
  const codes = sinusoidalCodes({ layout, fixed }, 3);

  test('are sines and cosines of frequencies 1, 3 and 5 and the place itself, summed over inputs and outputs', () => {
    const first = codes['layer1.weight']!;
    expect(first.shape).toEqual([1, 5, 3, 7]);
    const codeOf = (x: number) => [
      ...[1, 3, 5].map((f) => Math.sin(Math.PI * f * x)),
      ...[1, 3, 5].map((f) => Math.cos(Math.PI * f * x)),
      x,
    ];
    const want = Array.from({ length: 5 }, () => [-1, 0, 1].flatMap(codeOf)).flat();
    Array.from(first.data).forEach((value, i) => expect(value).toBeCloseTo(want[i]!, 5));
    expect([...codes['layer2.weight']!.data].every((value) => value === 0)).toBe(true);
  });

  test('tell the two inputs of an image apart in sines too', () => {
    const images = siren({ sizes: [2, 3, 1] });
    const two = sinusoidalCodes(
      {
        layout: layoutOf('test', images, 'all'),
        fixed: new Set(images.spaces.filter((s) => !s.free).map((s) => s.name)),
      },
      6,
    )['layer1.weight']!.data;
    const gaps = Array.from({ length: 6 }, (_, band) => Math.abs(two[band]! - two[13 + band]!));
    expect(Math.max(...gaps)).toBeGreaterThan(1);
  });
});

describe('the registry', () => {
  test('refuses a kind twice, and names the kinds that there are', () => {
    expect(() => registerMetanet(metanetKind('nfn-np'))).toThrow(
      "registerMetanet: kind 'nfn-np' is registered already",
    );
    expect(() => metanetKind('nfn')).toThrow(`kind must be one of ${kinds.join(', ')}, got 'nfn'`);
  });
  test.each([
    [{ channels: [] }, 'channels must be one or more whole numbers above 0, got []'],
    [{ frequencies: -1 }, 'frequencies must be a whole number, 0 or more, got -1'],
    [{ probes: -1 }, 'probes must be a whole number, 0 or more, got -1'],
    [{ position: 'polar' }, "position must be none, learned or sinusoidal, got 'polar'"],
    [{ pool: 'max' }, "pool must be hnp or np, got 'max'"],
    [{ dropout: 1 }, 'dropout must be in [0, 1), got 1'],
  ])('NFN refuses %j', (settings, text) => {
    expect(() => createMetanet('nfn-np', tiny, 2, settings as never)).toThrow(text);
  });
});

describe('weightStatistics', () => {
  const weights: NdArrays = { w: ndarray([3, 1, 2, 10, 0, 0, 0, 0], [2, 4]) };
  test('are mean, variance and quartiles', () => {
    const y = weightStatistics({ w: toTensor(weights['w']!) }, ['w']);
    const want = [4, 12.5, 1, 1.75, 2.5, 4.75, 10, ...Array<number>(7).fill(0)];
    Array.from(y.dataSync()).forEach((v, i) => expect(v).toBeCloseTo(want[i]!, 5));
  });
  test('have the gradient that differences give', () => {
    expect(
      gradientError((w) => weightStatistics({ w: w as tf.Tensor }, ['w']), stream.split('stat').normal([2, 5])),
    ).toBeLessThan(1e-2);
  });
});
