import {
  AlignmentError,
  inlinePairMatching,
  interpolate,
  interpolationBarrier,
  workerPairMatching,
} from '@weightspace/alignment';
import { ndarray, ShapeError } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { symmetryGroup } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { sineMlp, stacked } from './architectures.ts';

const at = (...values: number[]): NdArrays => ({ w: ndarray(Float32Array.from(values), [values.length]) });
const first = (params: NdArrays): number => params['w']!.data[0]!;

describe('interpolationBarrier', () => {
  test('is the height over the straight line between the ends, and over their mean', async () => {
    // L(x) = x + 8 x (1 − x): 0 at 0, 1 at 1, at most 2.53125 at 0.5625.
    const loss = (params: NdArrays) => first(params) + 8 * first(params) * (1 - first(params));
    const found = await interpolationBarrier({ loss, from: at(0), to: at(1), points: 17 });
    expect(found.lambdas).toEqual(Array.from({ length: 17 }, (_, i) => i / 16));
    expect(found.barrier).toBeCloseTo(2, 6);
    expect(found.aboveMean).toBeCloseTo(2.53125 - 0.5, 6);
    expect(found.losses[0]).toBe(0);
  });
  test('is 0 where the loss goes straight or sags', async () => {
    const of = (loss: (x: number) => number) =>
      interpolationBarrier({ loss: (p) => Promise.resolve(loss(first(p))), from: at(0), to: at(1) });
    expect((await of((x) => 3 * x)).barrier).toBeCloseTo(0, 6);
    expect((await of((x) => x * x)).barrier).toBe(0);
    expect((await of((x) => x * x)).losses).toHaveLength(25);
  });
  test('refuses fewer points than a line needs, and networks of other shapes', async () => {
    const run = (points: number) => interpolationBarrier({ loss: first, from: at(0), to: at(1), points });
    await expect(run(2)).rejects.toThrow(AlignmentError);
    await expect(run(2)).rejects.toThrow('interpolationBarrier: points must be a whole number from 3, got 2');
    expect(() => interpolate(at(0), at(1, 2), 0.5)).toThrow(ShapeError);
  });
});

describe('workerPairMatching', () => {
  test('finds what the calling thread finds, several batches at a time', async () => {
    const group = symmetryGroup(sineMlp);
    const [inline, worker] = [inlinePairMatching(group, { sweeps: 3 }), workerPairMatching(group, { sweeps: 3 })];
    const batches = ['a', 'b', 'c'].map(
      (label) => [stacked(sineMlp, label, 4), stacked(sineMlp, `${label}2`, 4)] as const,
    );
    try {
      const found = await Promise.all(batches.map(([a, b]) => worker.match(a, b)));
      expect(found).toEqual(await Promise.all(batches.map(([a, b]) => inline.match(a, b))));
      expect(found[0]).not.toEqual(found[1]);
    } finally {
      await worker.close();
      await inline.close();
    }
  });
});
