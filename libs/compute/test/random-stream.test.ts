import { RandomStream } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v, 0) / x.length;
const moment = (x: ArrayLike<number>, power: number) => mean(Array.from(x, (v) => v ** power));
const correlation = (x: ArrayLike<number>, y: ArrayLike<number>) => mean(Array.from(x, (v, i) => v * y[i]!));

/** Σ (count − expected)² / expected, less its mean and over its standard deviation: within ±4 for honest counts. */
function chiSquareScore(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b) / counts.length;
  const chi = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  return (chi - (counts.length - 1)) / Math.sqrt(2 * (counts.length - 1));
}

function histogram(values: Iterable<number>, bins: number): number[] {
  const counts = Array<number>(bins).fill(0);
  for (const v of values) counts[Math.floor(v * bins)]!++;
  return counts;
}

/** Largest distance of the sample's distribution from the standard normal's, times √n; above 1.95 in 1 of 1,000 honest samples. */
function kolmogorov(sample: ArrayLike<number>): number {
  const sorted = Float64Array.from(sample).sort();
  let worst = 0;
  sorted.forEach((v, i) => {
    const p = normalBelow(v);
    worst = Math.max(worst, Math.abs(p - i / sorted.length), Math.abs(p - (i + 1) / sorted.length));
  });
  return worst * Math.sqrt(sorted.length);
}

/** Φ by Simpson's rule. */
function normalBelow(z: number): number {
  const [n, h] = [200, z / 200];
  let sum = 0;
  for (let i = 0; i <= n; i++) sum += (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-((i * h) ** 2) / 2);
  return 0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}

describe('a stream', () => {
  test('gives the same numbers for the same seed, on every machine', () => {
    const stream = RandomStream.fromSeed(42);
    expect([stream.next(), stream.next(), stream.integer(1000)]).toEqual([0.1708878023869801, 0.7049673845513222, 863]);
    expect(Array.from(stream.normal([3]).data)).toEqual([1.275510549545288, -0.10335104167461395, 1.9579375982284546]);
    expect(Array.from(stream.split('part').split(3).uniform([2]).data)).toEqual([
      0.2982504367828369, 0.09991315007209778,
    ]);
  });

  test('goes on from its state, also after JSON, and splits as before', () => {
    const stream = RandomStream.fromSeed(5).split('data');
    stream.normal([7]);
    const state = JSON.parse(JSON.stringify(stream.getState())) as ReturnType<RandomStream['getState']>;
    const resumed = RandomStream.fromState(state);
    expect(resumed.normal([9])).toEqual(stream.normal([9]));
    expect(resumed.split(1).next()).toBe(stream.split(1).next());
  });

  test('isn’t moved by what is drawn from its own or its parts’ numbers', () => {
    const [a, b] = [RandomStream.fromSeed(1), RandomStream.fromSeed(1)];
    a.normal([100]);
    a.split('x').normal([3]);
    expect(a.split('x').next()).toBe(b.split('x').next());
    b.normal([100]);
    expect(a.next()).toBe(b.next());
  });

  test('makes another part of every label, number, text and path', () => {
    const root = RandomStream.fromSeed(0);
    const parts = [
      root,
      root.split(3),
      root.split('3'),
      root.split('#3'),
      root.split('a/b'),
      root.split('a').split('b'),
      root.split('a"/"b'),
      root.split(''),
      root.split('').split(''),
      RandomStream.fromSeed(3),
      RandomStream.fromSeed(-3),
    ];
    expect(new Set(parts.map((s) => s.next())).size).toBe(parts.length);
  });

  test.each([0.5, NaN, Infinity, 2 ** 53])('refuses seed %s', (seed) => {
    expect(() => RandomStream.fromSeed(seed)).toThrow(
      new RangeError(`RandomStream.fromSeed: seed must be a whole number, got ${seed}`),
    );
  });

  test.each([[[1, 2, 3]], [[0, 0, 0, 0]], [[1, 2, 3, 0.5]]])('refuses the state %j', (generator) => {
    const message = `RandomStream.fromState: generator must be 4 whole numbers, not all 0, got [${generator.join(', ')}]`;
    expect(() => RandomStream.fromState({ key: 'seed:1', generator })).toThrow(new RangeError(message));
  });
});

describe('parts split by neighbouring numbers', () => {
  const root = RandomStream.fromSeed(11);
  const n = 20_000;
  const firsts = Array.from({ length: n }, (_, i) => root.split(i).next());

  test('begin uniformly and independently', () => {
    expect(Math.abs(chiSquareScore(histogram(firsts, 100)))).toBeLessThan(4);
    const pairs = firsts.slice(1).map((v, i) => (Math.floor(v * 16) * 16 + Math.floor(firsts[i]! * 16)) / 256);
    expect(Math.abs(chiSquareScore(histogram(pairs, 256)))).toBeLessThan(4);
  });

  test('have every bit of their state set in half of the parts, and flipped in half of the steps', () => {
    const states = Array.from({ length: n }, (_, i) => root.split(i).getState().generator);
    const tolerance = 5 / (2 * Math.sqrt(n));
    for (let bit = 0; bit < 128; bit++) {
      const bits = states.map((state) => (state[bit >> 5]! >>> (bit & 31)) & 1);
      expect(Math.abs(mean(bits) - 0.5)).toBeLessThan(tolerance);
      expect(Math.abs(mean(bits.slice(1).map((b, i) => b ^ bits[i]!)) - 0.5)).toBeLessThan(tolerance);
    }
  });

  test('never begin alike', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 100_000; i++) seen.add(root.split(i).getState().generator.join());
    expect(seen.size).toBe(100_000);
  });

  test('draw normals that have nothing to do with one another', () => {
    const [a, b] = [root.split(0).normal([100_000]).data, root.split(1).normal([100_000]).data];
    expect(Math.abs(correlation(a, b))).toBeLessThan(4 / Math.sqrt(100_000));
    expect(Math.abs(correlation(a.subarray(1), b))).toBeLessThan(4 / Math.sqrt(100_000));
    const first = Array.from({ length: n }, (_, i) => root.split(i).normal([1]).data[0]!);
    expect(kolmogorov(first)).toBeLessThan(1.95);
  });
});

describe('uniform', () => {
  test('fills the range evenly, in order of the seed', () => {
    const { data, shape, dtype } = RandomStream.fromSeed(2).uniform([50, 2000], -3, 5);
    expect([shape, dtype]).toEqual([[50, 2000], 'float32']);
    expect(
      Math.abs(
        chiSquareScore(
          histogram(
            Array.from(data, (v) => (v + 3) / 8),
            200,
          ),
        ),
      ),
    ).toBeLessThan(4);
  });

  test('never reaches its upper end, even where float32 would round up to it', () => {
    const { data } = RandomStream.fromSeed(3).uniform([20_000], 1, 1 + 2 ** -22);
    expect(new Set(data)).toEqual(new Set([1, 1 + 2 ** -23]));
  });

  test('refuses an empty range', () => {
    const act = () => RandomStream.fromSeed(0).uniform([1], 2, 2);
    expect(act).toThrow(new RangeError('RandomStream.uniform: low must be below high, got 2 and 2'));
  });
});

describe('normal', () => {
  const { data } = RandomStream.fromSeed(4).normal([200_001]);

  test('has the moments and the distribution of a normal', () => {
    const n = Math.sqrt(data.length);
    expect(Math.abs(moment(data, 1)) * n).toBeLessThan(4);
    expect((Math.abs(moment(data, 2) - 1) / Math.sqrt(2)) * n).toBeLessThan(4);
    expect((Math.abs(moment(data, 3)) / Math.sqrt(15)) * n).toBeLessThan(4);
    expect((Math.abs(moment(data, 4) - 3) / Math.sqrt(96)) * n).toBeLessThan(4);
    expect(kolmogorov(data)).toBeLessThan(1.95);
  });

  test('has tails, and neighbours that are independent', () => {
    const beyond4 = data.filter((v) => Math.abs(v) > 4).length;
    expect(beyond4).toBeGreaterThan(2); // 12.7 expected
    expect(beyond4).toBeLessThan(30);
    expect(Math.abs(correlation(data.subarray(1), data)) * Math.sqrt(data.length)).toBeLessThan(4);
  });

  test('is shifted and scaled, and of the shape asked for', () => {
    const plain = RandomStream.fromSeed(9).normal([3, 5]);
    const moved = RandomStream.fromSeed(9).normal([3, 5], 2, 0.5);
    expect(moved.shape).toEqual([3, 5]);
    expect(Array.from(moved.data)).toEqual(Array.from(plain.data, (v) => expect.closeTo(2 + v / 2, 5) as number));
    expect(RandomStream.fromSeed(9).normal([2], 7, 0).data).toEqual(Float32Array.of(7, 7));
  });

  test('refuses a negative deviation', () => {
    const act = () => RandomStream.fromSeed(0).normal([1], 0, -1);
    expect(act).toThrow(new RangeError('RandomStream.normal: deviation must be ≥ 0, got -1'));
  });
});

describe('integer, bernoulli and permutation', () => {
  test('integers are even over a range that is no power of 2', () => {
    const stream = RandomStream.fromSeed(6);
    const counts = Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[stream.integer(7)]!++;
    expect(Math.abs(chiSquareScore(counts))).toBeLessThan(4);
  });

  test.each([0, -1, 2.5, NaN, 2 ** 53])('integers refuse the bound %s', (bound) => {
    const message = `RandomStream.integer: bound must be a positive whole number, got ${bound}`;
    expect(() => RandomStream.fromSeed(0).integer(bound)).toThrow(new RangeError(message));
  });

  test('a coin shows 1 as often as it should, always or never at the ends', () => {
    const stream = RandomStream.fromSeed(8);
    const share = mean(stream.bernoulli([100, 300], 0.3).data);
    expect(Math.abs(share - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 30_000));
    expect(mean(stream.bernoulli([50], 0).data)).toBe(0);
    expect(mean(stream.bernoulli([50], 1).data)).toBe(1);
    expect(() => stream.bernoulli([1], 1.5)).toThrow(
      new RangeError('RandomStream.bernoulli: probability must be in [0, 1], got 1.5'),
    );
  });

  test('all orders of four come equally often', () => {
    const stream = RandomStream.fromSeed(10);
    const counts = new Map<string, number>();
    for (let i = 0; i < 48_000; i++) {
      const order = stream.permutation(4).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(Math.abs(chiSquareScore([...counts.values()]))).toBeLessThan(4);
  });

  test('an order of nothing is empty', () => {
    expect(RandomStream.fromSeed(0).permutation(0)).toEqual(new Int32Array(0));
  });
});
