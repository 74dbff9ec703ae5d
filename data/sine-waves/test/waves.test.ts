import { forwardStacked } from '@weightspace/architecture';
import { compile, ndarray } from '@weightspace/compute';
import type { NdArray, Tensor, Tensors } from '@weightspace/compute';
import {
  architectureOf,
  chunksOf,
  fitWaves,
  headerOf,
  SHARD_ROWS,
  waveOf,
  waveRecipe,
} from '@weightspace/data-sine-waves';
import { describe, expect, test } from 'vitest';

const recipe = { ...waveRecipe, sizes: [1, 16, 16, 1], reach: 2, points: 48, steps: 500, rate: 3e-3, copies: 2 };

describe('fitWaves', () => {
  test('networks compute the waves that their targets name', async () => {
    const rows = await fitWaves({ recipe, seed: 3, members: [4, 5, 6], splits: [0, 0, 2] });
    const [a, b] = [rows.target['amplitude']!, rows.target['frequency']!];
    expect([a.data[1], b.data[1]].map((v) => v!.toFixed(4))).toEqual(waveOf(3, 2, recipe).map((v) => v.toFixed(4)));
    expect(Array.from(rows.target['wave']!.data)).toEqual([2, 2, 3]);
    expect(a.data[0]).toBe(a.data[1]);
    expect(rows.parameters['layer1.weight']!.data[0]).not.toBe(rows.parameters['layer1.weight']!.data[16]);
    const x = ndarray(
      [-1, -0.75, 0, 0.5, 1].map((v) => -1 + (2 * Math.round(((v + 1) / 2) * 47)) / 47),
      [5, 1],
    );
    const f = compile((p: Tensors, at: Tensor) => forwardStacked(architectureOf(recipe), p, at), { threads: 1 });
    const y = (await f(rows.parameters as never, x)) as unknown as NdArray;
    for (let n = 0; n < 3; n++)
      for (let p = 0; p < 5; p++)
        expect(Math.abs(y.data[n * 5 + p]! - a.data[n]! * Math.sin(b.data[n]! * Math.PI * x.data[p]!))).toBeLessThan(
          0.2,
        );
    expect(Math.max(...rows.fit['loss']!.data)).toBeLessThan(0.01);
  });
  test('a wave is fitted the same in any company', async () => {
    const short = { ...recipe, steps: 5 };
    const whole = await fitWaves({ recipe: short, seed: 3, members: [4, 5], splits: [0, 0] });
    const alone = await fitWaves({ recipe: short, seed: 3, members: [5], splits: [0] });
    const { data } = whole.parameters['layer2.weight']!;
    expect(Array.from(data.subarray(data.length / 2))).toEqual(Array.from(alone.parameters['layer2.weight']!.data));
  });
});

test('chunksOf has every wave once, and refuses none', () => {
  const plan = { train: SHARD_ROWS / 2, validation: 3, test: 4, seed: 1, recipe };
  const chunks = chunksOf(plan);
  expect(chunks.map(({ rows }) => rows)).toEqual([SHARD_ROWS, 14]);
  expect(headerOf(plan).seed).toBe(1);
  expect(() => chunksOf({ ...plan, train: 0, validation: 0, test: 0 })).toThrow(
    'chunksOf: a zoo needs waves, asked for none',
  );
});
