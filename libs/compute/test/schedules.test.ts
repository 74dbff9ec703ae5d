import { readFileSync } from 'node:fs';

import { chain, constant, cosine, linear, warmUp } from '@weightspace/compute';
import type { Schedule } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

/** Made by fixtures/optimizers.py with PyTorch; its rates start at 0.5. */
const reference = JSON.parse(readFileSync(new URL('./fixtures/optimizers.json', import.meta.url), 'utf8')) as Record<
  'cosine' | 'linear' | 'warmUp',
  number[]
>;
const first = (schedule: Schedule, steps: number) => Array.from({ length: steps }, (_, step) => schedule(step));
const close = (values: readonly number[]) => values.map((v) => expect.closeTo(v, 12) as number);

describe('schedules', () => {
  test.each<[keyof typeof reference, Schedule]>([
    ['cosine', cosine(0.5, 10, 0.01)],
    ['linear', linear(0.5, 0.1, 7)],
    ['warmUp', warmUp(4, cosine(0.5, 6))],
  ])('%s is as PyTorch’s', (name, schedule) => {
    expect(first(schedule, reference[name].length)).toEqual(close(reference[name]));
  });

  test('constant stays', () => {
    expect(first(constant(0.25), 3)).toEqual([0.25, 0.25, 0.25]);
  });

  test('cosine and linear stay where they end', () => {
    expect([10, 11, 1e9].map(cosine(2, 10, 0.5))).toEqual([0.5, 0.5, 0.5]);
    expect([4, 5, 1e9].map(linear(0, 3, 4))).toEqual([3, 3, 3]);
  });

  test('warmUp moves from the first update on, meets the schedule, and may be none', () => {
    expect(first(warmUp(3, linear(6, 0, 6)), 6)).toEqual(close([2, 4, 6, 6, 5, 4]));
    const plain = constant(1);
    expect(warmUp(0, plain)).toBe(plain);
  });

  test('chain gives each part its own steps', () => {
    const schedule = chain([2, linear(1, 3, 2)], [3, linear(8, 5, 3)], linear(0, 10, 10));
    expect(first(schedule, 8)).toEqual(close([1, 2, 8, 7, 6, 0, 1, 2]));
    expect(chain(constant(4))(100)).toBe(4);
  });

  test.each<[() => unknown, string]>([
    [() => constant(-1), 'constant: rate must be a finite number ≥ 0, got -1'],
    [() => linear(NaN, 1, 2), 'linear: from must be a finite number ≥ 0, got NaN'],
    [() => linear(0, Infinity, 2), 'linear: to must be a finite number ≥ 0, got Infinity'],
    [() => linear(0, 1, 0), 'linear: steps must be a whole number ≥ 1, got 0'],
    [() => cosine(-0.5, 3), 'cosine: peak must be a finite number ≥ 0, got -0.5'],
    [() => cosine(1, 3, -2), 'cosine: floor must be a finite number ≥ 0, got -2'],
    [() => cosine(1, 2.5), 'cosine: steps must be a whole number ≥ 1, got 2.5'],
    [() => warmUp(-1, constant(1)), 'warmUp: steps must be a whole number ≥ 1, got -1'],
    [() => chain([1.5, constant(1)], constant(2)), 'chain: steps must be a whole number ≥ 1, got 1.5'],
  ])('refuse what makes no sense (%#)', (act, message) => {
    expect(act).toThrow(new RangeError(message));
  });
});
