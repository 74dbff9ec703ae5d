import { describe, expect, test } from 'vitest';

import { meanInterval } from '@weightspace/experiment';

describe('meanInterval', () => {
  test('agrees with a table of t: three values of standard deviation 1', () => {
    const { mean, low, high, count } = meanInterval([4, 5, 6]);
    expect([mean, count]).toEqual([5, 3]);
    expect(low).toBeCloseTo(5 - 4.303 / Math.sqrt(3), 6);
    expect(high).toBeCloseTo(5 + 4.303 / Math.sqrt(3), 6);
  });
  test('goes on smoothly beyond the table', () => {
    const spread = (count: number) => {
      const values = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? 1 : -1));
      const { mean, high } = meanInterval(values);
      return ((high - mean) * Math.sqrt(count)) / Math.sqrt(count / (count - 1));
    };
    expect(spread(62)).toBeCloseTo(2.0, 2); // t(61) = 2.0003
    expect(spread(122)).toBeCloseTo(1.98, 2); // t(121) = 1.980
  });
  test('knows no interval of one value', () => {
    expect(meanInterval([7])).toEqual({ mean: 7, low: NaN, high: NaN, count: 1 });
  });
  test('refuses no values', () => {
    expect(() => meanInterval([])).toThrow('meanInterval: values must not be empty, got []');
  });
});
