import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { RandomStream } from '@weightspace/compute';
import {
  averageRanks,
  bootstrapIntervals,
  kendallTau,
  meanAbsoluteError,
  r2,
  rootMeanSquaredError,
  spearmanRho,
} from '@weightspace/experiment';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(5);
/** Lists with few (many ties) or many different values, that agree more or less. */
function pair(count: number, levels: number, noise: number, seed: number): [number[], number[]] {
  const own = stream.split(seed);
  const x = Array.from({ length: count }, () => own.integer(levels));
  return [x, x.map((v) => Math.round(v + noise * levels * (own.next() - 0.5)))];
}
const pairs = [
  ...[2, 3, 5, 8, 33].flatMap((count, i) => [pair(count, 3, 1, 10 * i), pair(count, 1000, 0.5, 10 * i + 1)]),
  pair(64, 2, 2, 90),
  pair(500, 20, 3, 91),
  pair(500, 100_000, 8, 92),
  [
    [1, 2, 3, 4],
    [4, 3, 2, 1],
  ] as [number[], number[]],
  [
    [-0, 0, 1],
    [1, 2, 3],
  ] as [number[], number[]],
];

/** The definition: every pair by itself. */
function slowTau(x: readonly number[], y: readonly number[]): number {
  let [score, untiedX, untiedY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const [a, b] = [Math.sign(x[i]! - x[j]!), Math.sign(y[i]! - y[j]!)];
      score += a * b;
      untiedX += a * a;
      untiedY += b * b;
    }
  }
  return score / Math.sqrt(untiedX * untiedY);
}

describe('kendallTau', () => {
  test.each(pairs.map((own, i) => [i, own] as const))('of lists %i is that of a loop over all pairs', (_, [x, y]) => {
    const [found, want] = [kendallTau(x, y), slowTau(x, y)];
    if (Number.isNaN(want)) expect(found).toBeNaN();
    else expect(found).toBeCloseTo(want, 12);
  });
  test('is 1, −1 or NaN where it must be', () => {
    expect(kendallTau([1, 2, 3], [10, 20, 21])).toBe(1);
    expect(kendallTau([1, 2, 3], [3, 2, 1])).toBe(-1);
    expect(kendallTau([1, 1, 1], [1, 2, 3])).toBeNaN();
    expect(kendallTau([1], [1])).toBeNaN();
  });
  test('of 400,000 values takes no 8 · 10¹⁰ steps; neighbours that change places are n / 2 pairs', () => {
    const count = 400_000;
    const [x, y] = [
      Float64Array.from({ length: count }, (_, i) => i),
      Float64Array.from({ length: count }, (_, i) => i ^ 1),
    ];
    expect(kendallTau(x, y)).toBeCloseTo(1 - 2 / (count - 1), 12);
  });
  test.each([
    [[1, 2], [1], 'kendallTau: x and y must have equally many values, got 2 and 1'],
    [[], [], 'kendallTau: x and y must not be empty, got [] and []'],
    [[1, NaN], [1, 2], 'kendallTau: x and y must be finite numbers, got NaN and 2 at 1'],
  ])('refuses %j and %j', (x, y, text) => {
    expect(() => kendallTau(x, y)).toThrow(text);
  });
});

describe('SciPy', () => {
  interface Values {
    readonly scipy: string;
    readonly values: readonly (readonly [number | null, number | null])[];
  }
  const fixtures = join(import.meta.dirname, 'fixtures');
  const check = ({ values }: Values) =>
    pairs.forEach(([x, y], i) => {
      const [tau, rho] = values[i]!;
      for (const [found, want] of [
        [kendallTau(x, y), tau],
        [spearmanRho(x, y), rho],
      ] as const) {
        if (want === null) expect(found, `lists ${i}`).toBeNaN();
        else expect(found, `lists ${i}`).toBeCloseTo(want, 12);
      }
    });
  test('gave the same values when the fixture was made', () => {
    check(JSON.parse(readFileSync(join(fixtures, 'scipy-agreement.json'), 'utf8')) as Values);
  });
  test('gives the same values now, where it is installed', (context) => {
    const python = ['python3', '/usr/bin/python3'].find(
      (own) => spawnSync(own, ['-c', 'import scipy.stats']).status === 0,
    );
    if (python === undefined) {
      context.skip('SciPy is not installed (Debian: python3-scipy): only its committed values were compared');
      return;
    }
    const script = join(fixtures, 'scipy_agreement.py');
    const { stdout, stderr, status } = spawnSync(python, [script], { input: JSON.stringify(pairs), encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    check(JSON.parse(stdout) as Values);
  });
});

describe('spearmanRho and averageRanks', () => {
  test('equal values share the mean of their ranks', () => {
    expect([...averageRanks([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4]);
    expect([...averageRanks([])]).toEqual([]);
  });
  test('is 1 for any rising relation, and NaN of a constant', () => {
    expect(spearmanRho([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(spearmanRho([1, 2, 3], [5, 5, 5])).toBeNaN();
    expect(() => spearmanRho([1], [Infinity])).toThrow(
      'spearmanRho: x and y must be finite numbers, got 1 and Infinity',
    );
  });
});

describe('errors of predictions', () => {
  test('R² is 1 for the truth, 0 for its mean, negative below, NaN where nothing varies', () => {
    const truth = [1, 2, 3, 6];
    expect(r2(truth, truth)).toBe(1);
    expect(r2([3, 3, 3, 3], truth)).toBe(0);
    expect(r2([6, 3, 2, 1], truth)).toBeLessThan(0);
    expect(r2([1, 2], [4, 4])).toBeNaN();
  });
  test('mean absolute and root mean squared error', () => {
    expect(meanAbsoluteError([1, 2, 3], [1, 4, 7])).toBe(2);
    expect(rootMeanSquaredError([1, 2, 3], [1, 4, 7])).toBeCloseTo(Math.sqrt(20 / 3), 12);
    expect(() => meanAbsoluteError([1], [])).toThrow('meanAbsoluteError: x and y must have equally many values');
  });
});

describe('bootstrapIntervals', () => {
  const groups = Array.from({ length: 400 }, (_, i) => Math.floor(i / 4));
  const own = stream.split('values');
  const byGroup = Array.from({ length: 100 }, () => own.normalPair()[0]);
  const values = groups.map((group) => byGroup[group]!);
  const mean = (rows: Int32Array) => rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;

  test('of the mean of 100 groups is about the mean ± 1.96 deviations / √100: rows of a group count as one', () => {
    const { mean: found } = bootstrapIntervals({ mean }, { groups, stream: stream.split('b'), samples: 4000 });
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - found.value) ** 2, 0) / values.length);
    expect((found.high - found.low) / 2).toBeCloseTo((1.96 * deviation) / 10, 1.5);
    const single = bootstrapIntervals({ mean }, { groups: values.map((_, i) => i), stream, samples: 4000 }).mean;
    expect((single.high - single.low) / (found.high - found.low)).toBeCloseTo(0.5, 1);
    expect(found.low).toBeLessThan(found.value);
    expect(found.high).toBeGreaterThan(found.value);
  });
  test('is the same for the same stream, and all statistics see the same samples', () => {
    const of = (seed: string) =>
      bootstrapIntervals(
        { mean, zero: (rows) => mean(rows) - mean(rows) },
        { groups, stream: stream.split(seed), samples: 50 },
      );
    expect(of('one')).toEqual(of('one'));
    expect(of('one')).not.toEqual(of('two'));
    expect(of('one').zero).toEqual({ value: 0, low: 0, high: 0 });
  });
  test('covers: about 95 of 100 intervals hold the true mean', () => {
    let held = 0;
    for (let trial = 0; trial < 100; trial++) {
      const drawn = stream.split('trial').split(trial).normal([60]).data;
      const { low, high } = bootstrapIntervals(
        { mean: (rows) => rows.reduce((sum, row) => sum + drawn[row]!, 0) / rows.length },
        { groups: Array.from(drawn.keys()), stream: stream.split('trial-b').split(trial), samples: 300 },
      ).mean;
      held += Number(low <= 0 && high >= 0);
    }
    expect(held).toBeGreaterThanOrEqual(86);
  });
  test('leaves samples out on which a statistic is NaN; one group has no interval', () => {
    const { tau } = bootstrapIntervals(
      {
        tau: (rows) =>
          kendallTau(
            rows.map((row) => row),
            rows.map((row) => row % 2),
          ),
      },
      { groups: [0, 1, 2], stream, samples: 200 },
    );
    expect(Number.isFinite(tau.low) && Number.isFinite(tau.high)).toBe(true);
    expect(bootstrapIntervals({ mean }, { groups: [7, 7], stream }).mean.low).toBeNaN();
  });
  test.each([
    [{ groups: [] }, 'bootstrapIntervals: groups must not be empty, got []'],
    [{ groups: [1], samples: 0 }, 'bootstrapIntervals: samples must be a whole number above 0, got 0'],
    [{ groups: [1], share: 1 }, 'bootstrapIntervals: share must be within 0 and 1, got 1'],
  ])('refuses %j', (options, text) => {
    expect(() => bootstrapIntervals({ mean }, { stream, ...options })).toThrow(text);
  });
});
