import { ndarray, RandomStream } from '@weightspace/compute';
import { standardRun } from '@weightspace/zoo';
import type { Examples, TrainRun } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

import { RunBatches, stepsPerEpoch, writeMoved } from '../../src/train/batches.ts';

const count = 40;
const examples: Examples = {
  inputs: ndarray(
    Float32Array.from({ length: count }, (_, i) => i),
    [count, 1],
  ),
  labels: ndarray(
    Int32Array.from({ length: count }, (_, i) => i % 4),
    [count],
  ),
};
const run = (more: Partial<TrainRun> = {}): TrainRun => ({ ...standardRun, seed: 3, ...more });

/** What an epoch shows: numbers of examples with their labels. */
function epochOf(given: TrainRun, epoch: number): (readonly [example: number, label: number])[] {
  const batches = new RunBatches(given, examples, 8, 4);
  batches.startEpoch(epoch);
  const [x, y] = [new Float32Array(16), new Int32Array(16)];
  return Array.from({ length: batches.steps }, (_, step) => {
    batches.write(step, x, y, 1, 2);
    return Array.from({ length: 8 }, (__, i) => [x[2 * i + 1]!, y[8 + i]!] as const);
  }).flat();
}

describe('RunBatches', () => {
  test('shows each example once in an epoch, in an order of its own', () => {
    const [first, second] = [epochOf(run(), 1), epochOf(run(), 2)];
    expect(first.map(([x]) => x).sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
    expect(first.every(([x, y]) => y === x % 4)).toBe(true);
    expect(second.map(([x]) => x)).not.toEqual(first.map(([x]) => x));
    expect(epochOf(run(), 1)).toEqual(first);
    expect(epochOf(run({ seed: 4 }), 1)).not.toEqual(first);
  });

  test('shows a share of them, the same in each epoch, in whole batches', () => {
    const half = run({ trainShare: 0.5 });
    expect(stepsPerEpoch(half, count, 8)).toBe(2);
    const seen = new Set([1, 2, 3, 4, 5, 6, 7, 8].flatMap((epoch) => epochOf(half, epoch).map(([x]) => x)));
    expect(seen.size).toBe(20);
    expect(stepsPerEpoch(run({ trainShare: 0.7 }), 10, 7)).toBe(1); // 0.7 · 10 is a little less than 7 in floating point.
  });

  test('replaces a share of the labels by other classes, for good', () => {
    const noisy = epochOf(run({ labelNoise: 0.25 }), 1);
    const wrong = noisy.filter(([x, y]) => y !== x % 4);
    expect(wrong.length).toBe(10);
    expect(new Set(wrong.map(([x, y]) => (y - (x % 4) + 4) % 4))).toEqual(new Set([1, 2, 3]));
    const again = epochOf(run({ labelNoise: 0.25 }), 2).filter(([x, y]) => y !== x % 4);
    expect(new Map(again)).toEqual(new Map(wrong));
  });
});

describe('writeMoved', () => {
  const [rows, width, channels] = [3, 4, 2] as const;
  const image = RandomStream.fromSeed(1).normal([rows, width, channels]).data;
  const at = (r: number, c: number, k: number) => image[(r * width + c) * channels + k]!;
  const clamp = (i: number, n: number) => (i < 0 ? 0 : i >= n ? n - 1 : i);
  test.each([
    [0, 0, false],
    [1, -2, false],
    [-2, 1, true],
    [0, 0, true],
  ])('moves down by %d and right by %d, flipped: %s', (down, right, flips) => {
    const into = new Float32Array(image.length + 5);
    writeMoved(image, 0, into, 5, [rows, width, channels], down, right, flips);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < width; c++)
        for (let k = 0; k < channels; k++) {
          const column = flips ? width - 1 - c : c;
          const want = at(clamp(r - down, rows), clamp(column - right, width), k);
          expect(into[5 + (r * width + c) * channels + k]).toBe(want);
        }
  });
});
