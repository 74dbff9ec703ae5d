import {
  augmentationNames,
  augmentationsOf,
  compose,
  noise,
  permutation,
  sign,
  translation,
} from '@weightspace/augmentation';
import { withoutPrefix } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { generic, smallCnn } from './architectures.ts';
import {
  augment,
  B,
  networks,
  planeNet,
  pointsOf,
  reluNet,
  relativeError,
  render,
  sineNet,
  stream,
} from './networks.ts';

const difference = (a: NdArrays, b: NdArrays, name: string): number[] =>
  Array.from(a[name]!.data, (value, i) => value - b[name]!.data[i]!);
const rms = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0) / values.length);

describe('noise', () => {
  const weights = networks(sineNet);
  const added = async (share: number) => {
    const one = noise(share);
    return augment(one, sineNet, weights, one.draw(sineNet, B, stream('noise')));
  };
  test('is normal noise in proportion to each parameter of each network', async () => {
    expect(noise().kind).toBe('approximate');
    const changed = await added(0.32);
    for (let n = 0; n < B; n++) {
      const own = (values: ArrayLike<number>) => Array.from(values).slice(n * 42, (n + 1) * 42); // layer3.weight is [6, 7]
      const [moved, base] = [own(difference(changed, weights, 'layer3.weight')), own(weights['layer3.weight']!.data)];
      expect(rms(moved) / rms(base)).toBeGreaterThan(0.32 * 0.7);
      expect(rms(moved) / rms(base)).toBeLessThan(0.32 * 1.3);
    }
  });
  test('is noise and not a constant shift, unlike the public code', async () => {
    const moved = difference(await added(0.32), weights, 'layer3.weight');
    const mean = moved.reduce((sum, v) => sum + v, 0) / moved.length;
    expect(Math.abs(mean)).toBeLessThan(rms(moved) / 3);
    expect(new Set(moved.map((v) => v.toFixed(6))).size).toBeGreaterThan(moved.length / 2);
  });
  test('leaves running means and variances, so that none falls below 0', async () => {
    const weights = generic(smallCnn, B);
    const one = noise(3);
    const changed = await augment(one, smallCnn, weights, one.draw(smallCnn, B, stream('statistics')));
    const statistics = smallCnn.parameters.filter(({ kind }) => kind === 'statistic');
    expect(statistics.length).toBe(4);
    for (const { name } of statistics) expect(changed[name]!.data).toEqual(weights[name]!.data);
  });
  test('is nothing at 0, and leaves a parameter that is 0', async () => {
    expect(difference(await added(0), weights, 'layer1.weight').every((v) => v === 0)).toBe(true);
    const silent = {
      ...weights,
      'layer1.bias': { ...weights['layer1.bias']!, data: new Float32Array(B * 5) },
    } as NdArrays;
    const changed = await augment(noise(0.5), sineNet, silent, noise(0.5).draw(sineNet, B, stream('zero')));
    expect(Array.from(changed['layer1.bias']!.data)).toEqual(Array<number>(B * 5).fill(0));
  });
});

describe('compose', () => {
  test('of nothing is nothing', async () => {
    const none = compose([]);
    expect([none.name, none.kind, none.draw(sineNet, B, stream('none'))]).toEqual(['none', 'exact', {}]);
    const weights = networks(sineNet);
    expect(await augment(none, sineNet, weights, {}, 'eager')).toEqual(weights);
  });
  test('is only as exact as its least exact part', () => {
    expect(compose([permutation, sign]).kind).toBe('exact');
    expect(compose([permutation, translation()]).kind).toBe('input');
    expect(compose([translation(), noise(), sign]).kind).toBe('approximate');
  });
  test('applies one after another, in order', async () => {
    const [first, second] = [translation(0.5), noise(0.3)];
    const both = compose([first, second]);
    const weights = networks(planeNet);
    const draws = both.draw(planeNet, B, stream('order'));
    const part = (i: number) => withoutPrefix(`${i}/`, draws);
    const after = await augment(second, planeNet, await augment(first, planeNet, weights, part(0)), part(1));
    const actual = await augment(both, planeNet, weights, draws);
    for (const { name } of planeNet.parameters) expect(relativeError(actual[name]!, after[name]!)).toBeLessThan(1e-6);
  });
  test('draws apart for two of the same', async () => {
    const twice = compose([translation(0.5), translation(0.5)]);
    const draws = twice.draw(planeNet, B, stream('twice'));
    expect(draws['0/shift']!.data).not.toEqual(draws['1/shift']!.data);
    const [weights, x] = [networks(planeNet), pointsOf(planeNet)];
    const [one, two] = [draws['0/shift']!, draws['1/shift']!];
    const moved = new Float32Array(B * 40 * 2);
    for (let i = 0; i < moved.length; i++) {
      const [b, axis] = [Math.floor(i / 80), i % 2];
      moved[i] = x.data[i % 80]! + one.data[b * 2 + axis]! + two.data[b * 2 + axis]!;
    }
    const expected = await render(planeNet, weights, { dtype: 'float32', shape: [B, 40, 2], data: moved });
    const changed = await augment(twice, planeNet, weights, draws);
    expect(relativeError(await render(planeNet, changed, x), expected)).toBeLessThan(1e-5);
  });
});

describe('augmentationsOf', () => {
  test('knows every name, each labelled with what it keeps', () => {
    const kinds = Object.fromEntries(augmentationNames().map((name) => [name, augmentationsOf([name]).kind]));
    expect(kinds).toEqual({
      permutation: 'exact',
      sign: 'exact',
      phase: 'exact',
      'positive-scale': 'exact',
      translation: 'input',
      rotation: 'input',
      scaling: 'input',
      shear: 'input',
      'deep-translation': 'approximate',
      noise: 'approximate',
      dropout: 'approximate',
      quantile: 'approximate',
    });
  });
  test.each(augmentationNames())('%s runs compiled, changes weights, keeps shapes and stays finite', async (name) => {
    const one = augmentationsOf([name]);
    const net = name === 'positive-scale' ? reluNet : planeNet;
    const weights = networks(net);
    const changed = await augment(one, net, weights, one.draw(net, B, stream(name)));
    expect(Object.keys(changed)).toEqual(Object.keys(weights));
    let moved = false;
    for (const [key, { shape, data }] of Object.entries(changed)) {
      expect(shape).toEqual(weights[key]!.shape);
      data.forEach((value, i) => {
        expect(Number.isFinite(value)).toBe(true);
        moved ||= value !== weights[key]!.data[i];
      });
    }
    expect(moved).toBe(true);
  });
  test('takes a strength after a colon', () => {
    const shifts = (text: string) => augmentationsOf([text]).draw(planeNet, 200, stream('strength'))['0/shift']!.data;
    expect(Math.max(...shifts('translation:0.5'))).toBeGreaterThan(0.4);
    expect(Math.max(...shifts('translation:0.01'))).toBeLessThan(0.011);
  });
  test.each([
    ['mirror', `augmentationsOf: name must be one of ${augmentationNames().join(', ')}, got 'mirror'`],
    ['', "got ''"],
    ['rotation:far', "augmentationsOf: the strength of rotation must be a number ≥ 0, got 'far'"],
    ['noise:NaN', "augmentationsOf: the strength of noise must be a number ≥ 0, got 'NaN'"],
    ['constructor', "got 'constructor'"],
    ['rotation:', "the strength of rotation must be a number ≥ 0, got ''"],
    ['permutation:3', "augmentationsOf: permutation takes no strength, got '3'"],
    ['dropout:1', "augmentationsOf: the strength of dropout must be a number from 0 to below 1, got '1'"],
    ['phase:1.5', "the strength of phase must be a whole number above 0, got '1.5'"],
    ['rotation:1:2', "got '1:2'"],
  ])("refuses '%s'", (name, message) => {
    expect(() => augmentationsOf(['sign', name])).toThrow(RangeError);
    expect(() => augmentationsOf(['sign', name])).toThrow(message);
  });
});
