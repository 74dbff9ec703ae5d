import { ndarray } from '@weightspace/compute';
import { expect, test } from 'vitest';

import { differencesOf } from '@weightspace/learned-optimizers';

/** Of two networks in two steps. */
const curves = (losses: readonly number[], training: readonly number[], tested: readonly number[]) => ({
  steps: 2,
  at: [0, 2],
  losses: ndarray(losses, [2, 2]),
  evaluations: { 'train/loss': ndarray([9, 9, ...training], [2, 2]), 'test/loss': ndarray([8, 8, ...tested], [2, 2]) },
  diverged: [false, false],
});

test('differences are between the same networks, of ends and of means over steps', () => {
  const results = [
    { name: 'adam', isBaseline: true, curves: curves([0, 0, 0, 0], [0, 0], [0, 0]) },
    { name: 'a', isBaseline: false, curves: curves([1, 2, 3, 4], [1, 3], [5, 5]) },
    { name: 'b', isBaseline: false, curves: curves([1, 1, 1, 1], [2, 2], [4, 5]) },
  ];
  const [only, ...more] = differencesOf({ results } as never);
  expect(more).toEqual([]);
  expect(only!.names).toEqual(['a', 'b']);
  expect(only!.training.mean).toBe(0);
  expect(only!.training.high).toBeCloseTo(12.706, 2);
  expect(only!.mean.mean).toBe(1.5);
  expect(only!.test.mean).toBe(0.5);
});
