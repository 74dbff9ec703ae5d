import { countDrawn, countParameters, RandomStream } from '@weightspace/compute';
import { expect, test } from 'vitest';

test('countDrawn counts what an initialization draws, whatever it draws', () => {
  const initialize = (stream: RandomStream) => ({
    a: stream.split('a').uniform([3, 5], -1, 1),
    b: stream.split('b').normal([7]),
    c: stream.split('c').bernoulli([2, 2, 2], 0.5),
    d: { dtype: 'int32' as const, shape: [4], data: stream.permutation(4) },
  });
  expect(countDrawn(initialize)).toBe(countParameters(initialize(RandomStream.fromSeed(1))));
  expect(countDrawn(initialize)).toBe(15 + 7 + 8 + 4);
});
