import { inputMap, rotation, scaling, shear, translation } from '@weightspace/augmentation';
import type { Augmentation } from '@weightspace/augmentation';
import { gradientError, mapValues, ndarray, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import type { Architecture } from '@weightspace/architecture';
import { describe, expect, test } from 'vitest';

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

/** A x + t for each network's own A and t; shape `[B, P, n]`. */
function transformed(x: NdArray, { matrix, shift }: NdArrays): NdArray {
  const [P, n] = x.shape as [number, number];
  const data = new Float32Array(B * P * n);
  for (let b = 0; b < B; b++) {
    for (let p = 0; p < P; p++) {
      for (let i = 0; i < n; i++) {
        let sum = shift!.data[b * n + i]!;
        for (let j = 0; j < n; j++) sum += matrix!.data[(b * n + i) * n + j]! * x.data[p * n + j]!;
        data[(b * P + p) * n + i] = sum;
      }
    }
  }
  return ndarray(data, [B, P, n]);
}

const affine = inputMap('affine', (n, own) => ({
  matrix: Array.from({ length: n * n }, () => 2 * own.next() - 1),
  shift: Array.from({ length: n }, () => own.next()),
}));
const maps: readonly [string, Augmentation, Architecture][] = [
  ['translation', translation(), planeNet],
  ['translation in three dimensions', translation(0.4), sineNet],
  ['rotation', rotation(), planeNet],
  ['rotation in three dimensions', rotation(90), sineNet],
  ['scaling', scaling(), planeNet],
  ['shear', shear(), planeNet],
  ['shear in three dimensions', shear(0.5), sineNet],
  ['any affine map', affine, sineNet],
  ['any affine map of a ReLU network', affine, reluNet],
];

describe('input maps', () => {
  test.each(maps)('render what the network draws at the mapped points: %s', async (_, augmentation, architecture) => {
    expect(augmentation.kind).toBe('input');
    const [weights, x] = [networks(architecture), pointsOf(architecture)];
    const draws = augmentation.draw(architecture, B, stream('maps'));
    const expected = await render(architecture, weights, transformed(x, draws));
    for (const device of ['cpu', 'eager'] as const) {
      const changed = await augment(augmentation, architecture, weights, draws, device);
      expect(relativeError(await render(architecture, changed, x), expected)).toBeLessThan(1e-5);
    }
    expect(relativeError(expected, await render(architecture, weights, x))).toBeGreaterThan(1e-3);
  });
  test('change the first layer alone', async () => {
    const weights = networks(sineNet);
    const changed = await augment(affine, sineNet, weights, affine.draw(sineNet, B, stream('first')));
    for (const { name, layer } of sineNet.parameters) {
      const same = relativeError(changed[name]!, weights[name]!) === 0;
      expect([name, same]).toEqual([name, layer !== 'layer1']);
    }
  });
  test('have the gradient that differences give', () => {
    const draws = mapValues(affine.draw(reluNet, B, stream('gradient')), toTensor);
    const f = (weights: Tensors) => affine.apply(reluNet, weights, draws) as Record<string, never>;
    expect(gradientError(f, networks(reluNet))).toBeLessThan(1e-2);
  });
});

describe('what is drawn', () => {
  const many = (augmentation: Augmentation) => augmentation.draw(planeNet, 500, stream('many'));
  const column = (values: ArrayLike<number>, at: number, of: number) =>
    Array.from(values).filter((_, i) => i % of === at);
  const range = (values: readonly number[]) => [Math.min(...values), Math.max(...values)];
  const expectRange = (values: readonly number[], low: number, high: number) => {
    const [least, most] = range(values) as [number, number];
    expect(least).toBeGreaterThanOrEqual(low - 1e-6);
    expect(most).toBeLessThanOrEqual(high + 1e-6);
    expect(least).toBeLessThan(low + 0.05 * (high - low));
    expect(most).toBeGreaterThan(high - 0.05 * (high - low));
  };
  test('translation moves each axis by up to its reach, and nothing else', () => {
    const { matrix, shift } = many(translation(0.25));
    for (const axis of [0, 1]) expectRange(column(shift!.data, axis, 2), -0.25, 0.25);
    expect(Array.from(matrix!.data.slice(0, 4))).toEqual([1, 0, 0, 1]);
  });
  test('rotation turns by up to its degrees without changing lengths', () => {
    const { matrix, shift } = many(rotation(30));
    const angles: number[] = [];
    for (let b = 0; b < 500; b++) {
      const [a, c, d, e] = matrix!.data.subarray(b * 4, b * 4 + 4) as unknown as [number, number, number, number];
      expect(a * e - c * d).toBeCloseTo(1, 6);
      expect(a * a + d * d).toBeCloseTo(1, 6);
      angles.push((Math.atan2(d, a) * 180) / Math.PI);
    }
    expectRange(angles, -30, 30);
    expect(shift!.data.every((v) => v === 0)).toBe(true);
  });
  test('scaling gives each axis its own factor', () => {
    const { matrix } = many(scaling(0.2));
    for (const at of [0, 3]) expectRange(column(matrix!.data, at, 4), 0.8, 1.2);
    expect(range(column(matrix!.data, 1, 4))).toEqual([0, 0]);
    expect(column(matrix!.data, 0, 4)).not.toEqual(column(matrix!.data, 3, 4));
  });
  test('shear mixes the second axis into the first', () => {
    const { matrix } = many(shear(0.3));
    expectRange(column(matrix!.data, 1, 4), -0.3, 0.3);
    for (const [at, value] of [
      [0, 1],
      [2, 0],
      [3, 1],
    ] as const)
      expect(range(column(matrix!.data, at, 4))).toEqual([value, value]);
  });
  test('differs between networks and between streams, and not for the same stream', () => {
    const { shift } = many(translation());
    expect(shift!.data.subarray(0, 2)).not.toEqual(shift!.data.subarray(2, 4));
    expect(many(translation())).toEqual(many(translation()));
    expect(translation().draw(planeNet, 500, stream('else'))).not.toEqual(many(translation()));
  });
});
