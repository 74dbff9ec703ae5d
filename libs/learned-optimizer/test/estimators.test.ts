import { assertClose, mapValues, ndarray, RandomStream, sameBits, tf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import {
  createEstimator,
  createOptimizer,
  createTaskFamily,
  estimatorKinds,
  registerEstimator,
  truncatedStep,
} from '@weightspace/learned-optimizer';
import type { Settings, Task, TruncationSettings } from '@weightspace/learned-optimizer';
import { afterAll, describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(5);
const [K, HORIZON, RATE] = [5, 20, 0.1];
const curvatures = [1, 0.1];

/** Two dimensions, all starts at (1, 1), optimum 0, no noise: nothing is random but perturbations. */
const bowl = createTaskFamily('quadratic', { dimensions: 2, condition: 10, spread: 0 }).sample(stream);
const releases: (() => Promise<void>)[] = [];
afterAll(async () => void (await Promise.all(releases.map((release) => release()))));

function made(tasks: number, more: Partial<TruncationSettings> = {}, task: Task = bowl, rate = RATE) {
  const optimizer = createOptimizer('learnable-sgd', task.architecture, { rate });
  const step = truncatedStep(task, optimizer, { tasks, length: K, horizon: [HORIZON, HORIZON], ...more });
  releases.push(step.release);
  return { step, meta: optimizer.initialize(stream) };
}

/** d/d(log rate) of the mean loss of steps `from` to `to`, in which steps before `since` are taken for constant. */
function gradientOf(from: number, to: number, since: number): number {
  let sum = 0;
  for (let t = from; t < to; t++) {
    for (const h of curvatures) {
      const [w, slope] = [(1 - RATE * h) ** t, -(t - since) * h * (1 - RATE * h) ** (t - 1)];
      sum += h * w * slope * RATE;
    }
  }
  return sum / (to - from);
}
const truncations = [...Array(HORIZON / K).keys()].map((i) => i * K);
const total = (since: (from: number) => number) =>
  truncations.reduce((sum, from) => sum + gradientOf(from, from + K, since(from)), 0);
/** What the estimates of a training sum up to. */
const FULL = total(() => 0);
const TRUNCATED = total((from) => from);

const value = (gradient: NdArrays): number => gradient['log rate']!.data[0]!;

/** Estimates over one training of all tasks from its beginning, summed; with the standard error of the sum. */
async function overTraining(kind: string, tasks: number, settings: Settings = {}) {
  const { step, meta } = made(tasks);
  const estimator = createEstimator(kind, step, settings);
  const begun = await estimator.start(stream.split('start'));
  let state: NdArrays = { ...begun, horizon: ndarray(Array<number>(tasks).fill(HORIZON), [tasks]) };
  let [sum, variance] = [0, 0];
  for (const from of truncations) {
    const estimate = await estimator.estimate(meta, state, stream.split('estimate').split(from));
    ({ state } = estimate);
    sum += value(estimate.gradient);
    // At most: as if the estimates of a training went together.
    variance = (Math.sqrt(variance) + estimate.deviation / Math.sqrt(tasks)) ** 2;
  }
  return { sum, error: Math.sqrt(variance), state };
}

describe('on a quadratic whose meta-gradient is known', () => {
  test('the formula is that of differences', () => {
    const loss = (rate: number) =>
      truncations.reduce((sum, from) => {
        let part = 0;
        for (let t = from; t < from + K; t++) for (const h of curvatures) part += 0.5 * h * (1 - rate * h) ** (2 * t);
        return sum + part / K;
      }, 0);
    const epsilon = 1e-4;
    const slope = (loss(RATE * Math.exp(epsilon)) - loss(RATE * Math.exp(-epsilon))) / (2 * epsilon);
    expect(slope).toBeCloseTo(FULL, 6);
    expect(Math.abs(FULL - TRUNCATED)).toBeGreaterThan(0.5 * Math.abs(FULL));
  });

  test('PES is unbiased', async () => {
    const { sum, error, state } = await overTraining('pes', 4000);
    expect(error).toBeLessThan(0.06 * Math.abs(FULL));
    expect(Math.abs(sum - FULL)).toBeLessThan(3 * error);
    expect(Math.abs(sum - TRUNCATED)).toBeGreaterThan(5 * error);
    // All have begun anew, and nothing of before is counted.
    expect(Math.max(...state['accumulator/log rate']!.data.map(Math.abs))).toBe(0);
    expect(new Set(state['step']!.data)).toEqual(new Set([0]));
    expect(new Set(state['params/layer1.weight']!.data)).toEqual(new Set([1]));
  });

  test('truncated ES is biased by what is known, and varies less than PES', async () => {
    const [es, pes] = [await overTraining('truncated-es', 4000), await overTraining('pes', 4000)];
    expect(Math.abs(es.sum - TRUNCATED)).toBeLessThan(3 * es.error + 0.005 * Math.abs(TRUNCATED));
    expect(Math.abs(es.sum - FULL)).toBeGreaterThan(5 * es.error);
    expect(es.error).toBeLessThan(0.5 * pes.error);
  });

  test('full ES is unbiased', async () => {
    const { step, meta } = made(2000);
    const { gradient, deviation, innerSteps } = await createEstimator('full-es', step).estimate(meta, {}, stream);
    const error = deviation / Math.sqrt(2000);
    expect(innerSteps).toBe(2 * 2000 * HORIZON);
    expect(error).toBeLessThan(0.06 * Math.abs(FULL / 4));
    expect(Math.abs(value(gradient) - FULL / truncations.length)).toBeLessThan(3 * error);
  });

  test('full ES of the last and of the least loss are those of the last step', async () => {
    const { step, meta } = made(500);
    const last = gradientOf(HORIZON - 1, HORIZON, 0);
    for (const loss of ['last', 'min']) {
      const { gradient, deviation } = await createEstimator('full-es', step, { loss }).estimate(meta, {}, stream);
      expect(Math.abs(value(gradient) - last)).toBeLessThan((3 * deviation) / Math.sqrt(500));
    }
  });

  test('truncated backpropagation is exact for what it truncates', async () => {
    const { sum, error } = await overTraining('truncated-backpropagation', 3);
    expect(sum).toBeCloseTo(TRUNCATED, 4);
    expect(error).toBeLessThan(1e-5);
  });

  test('truncated backpropagation goes through the learned MLP: central differences', async () => {
    const task = createTaskFamily('image-mlp', { hidden: [4], side: 4, batch: 8, activation: 'tanh' }).sample(stream);
    const optimizer = createOptimizer('mlp-lopt', task.architecture, { width: 4 });
    const step = truncatedStep(task, optimizer, { tasks: 2, length: 3, horizon: [3, 3] });
    releases.push(step.release);
    // Steps of a hundredth, not of a thousandth: so that losses differ by more than rounding.
    const meta = mapValues(optimizer.initialize(stream), (a, name) =>
      name.startsWith('layer3')
        ? ndarray(
            Float32Array.from(a.data, (v) => 30 * v),
            a.shape,
          )
        : a,
    );
    const begin = () => step.start(stream.split('s'), 1, 3);
    const lossAt = async (moved: NdArrays) => {
      const copies = mapValues(moved, (a) => ndarray(a.data as Float32Array, [1, ...a.shape]));
      const { losses } = await step.run(copies, await begin(), stream.split('d'));
      return Array.from(losses.data).reduce((x, y) => x + y, 0) / losses.data.length;
    };
    const twice = mapValues(meta, ({ data, shape }) => ndarray(Float32Array.from([...data, ...data]), [2, ...shape]));
    const { gradients } = await step.runWithGradients(twice, await begin(), stream.split('d'));
    // Of the first layer alone every move takes some elements over a kink of the ReLU.
    for (const [name, i] of [
      ['layer3.bias', 0],
      ['layer3.weight', 1],
      ['layer2.weight', 3],
    ] as const) {
      const { data } = gradients[name]!;
      const exact = (data[i]! + data[data.length / 2 + i]!) / 2;
      const at = (epsilon: number) => ({
        ...meta,
        [name]: {
          ...meta[name]!,
          data: Float32Array.from(meta[name]!.data, (v, j) => (j === i ? v + epsilon : v)),
        } as NdArray,
      });
      const epsilon = 0.1;
      const slope = ((await lossAt(at(epsilon))) - (await lossAt(at(-epsilon)))) / (2 * epsilon);
      expect(Math.abs(exact)).toBeGreaterThan(1e-5);
      expect(Math.abs(slope - exact)).toBeLessThan(0.05 * Math.abs(exact));
    }
    for (const { data } of Object.values(gradients)) expect(data.some((v) => v !== 0)).toBe(true);
  });
});

describe('estimators', () => {
  const kinds = estimatorKinds().map(({ kind }) => kind);

  test('are all tested here', () => {
    expect(kinds).toEqual(['pes', 'truncated-es', 'full-es', 'truncated-backpropagation']);
  });

  test.each(kinds)('%s gives the same bits for the same stream, and others for another', async (kind) => {
    const task = createTaskFamily('image-mlp', { hidden: [4], batch: 8 }).sample(stream);
    const { step, meta } = made(3, { horizon: [5, 20] }, task);
    const estimator = createEstimator(kind, step);
    const run = async (seed: number) => {
      let state = await estimator.start(stream.split('start'));
      const results: NdArrays[] = [];
      for (let i = 0; i < 4; i++) {
        const made = await estimator.estimate(meta, state, stream.split(seed).split(i));
        ({ state } = made);
        results.push(mapValues(made.gradient, (a) => ({ ...a, data: a.data.slice() }) as NdArray));
      }
      return Object.fromEntries(results.flatMap((g, i) => Object.entries(g).map(([n, a]) => [`${i} ${n}`, a])));
    };
    const first = await run(0);
    expect(sameBits(first, await run(0))).toBe(true);
    expect(sameBits(first, await run(1))).toBe(false);
  });

  test.each(kinds)('%s lives on where all networks diverge', async (kind) => {
    const { step, meta } = made(4, {}, bowl, 1e20);
    const estimator = createEstimator(kind, step);
    let state = await estimator.start(stream);
    for (let i = 0; i < 6; i++) {
      const estimate = await estimator.estimate(meta, state, stream.split(i));
      ({ state } = estimate);
      expect(Number.isFinite(value(estimate.gradient))).toBe(true);
      expect(Number.isFinite(estimate.loss)).toBe(true);
      if (kind === 'full-es') expect(estimate.diverged).toBe(1);
    }
  });

  test('a task without a finite gradient counts as 0, and one without a finite loss as 20', async () => {
    // Network t of each block has a loss times the root of its first weight, less a bit: NaN where that is negative.
    const spoilt: Task = {
      ...bowl,
      initialize: (s, count) =>
        mapValues(bowl.initialize(s, count), (a) =>
          ndarray(
            Float32Array.from(a.data, (v, i) => (i < 2 ? -v : v)),
            a.shape,
          ),
        ),
      loss: (p, b) =>
        tf.mul(bowl.loss(p, b), tf.sqrt(tf.reshape(tf.slice(p['layer1.weight']!, [0, 0, 0], [-1, 1, 1]), [-1]))),
      normalize: (loss) => loss,
    };
    const { step, meta } = made(4, {}, spoilt);
    const backward = createEstimator('truncated-backpropagation', step);
    const exact = await backward.estimate(meta, await backward.start(stream), stream);
    expect(exact.lost).toBe(1);
    expect(exact.diverged).toBe(0.25);
    expect(Number.isFinite(value(exact.gradient))).toBe(true);
    expect(value(exact.gradient)).not.toBe(0);
    const es = createEstimator('truncated-es', step);
    const estimate = await es.estimate(meta, await es.start(stream), stream);
    expect(estimate.lost).toBe(0);
    expect(estimate.loss).toBeGreaterThan(20 / 4);
    expect(estimate.loss).toBeLessThan(20 / 4 + 1);
  });

  test('signs and cuts change what differences count', async () => {
    const { step, meta } = made(50);
    const gradient = async (settings: Settings) => {
      const estimator = createEstimator('truncated-es', step, settings);
      return value((await estimator.estimate(meta, await estimator.start(stream), stream)).gradient);
    };
    const [plain, signs, cut, wide] = [
      await gradient({}),
      await gradient({ sign: true }),
      await gradient({ clip: 1e-6 }),
      await gradient({ clip: 1e6 }),
    ];
    // With signs of ±1 it is the mean of −|ε| / 2 σ² over 50 tasks, which is known up to its standard error: a limit of 3.7 of these.
    const sigma = 0.01;
    const standardError = Math.sqrt((1 - 2 / Math.PI) / 50) / (2 * sigma);
    expect(Math.abs(signs + Math.sqrt(2 / Math.PI) / (2 * sigma))).toBeLessThan(3.7 * standardError);
    expect(Math.abs(cut)).toBeLessThan(Math.abs(plain) / 10);
    expect(wide).toBe(plain);
    const { step: other, meta: m } = made(3);
    const short = createEstimator('truncated-backpropagation', other, { clipNorm: 1e-3 });
    const { gradient: shortened } = await short.estimate(m, await short.start(stream), stream);
    expect(Math.abs(value(shortened))).toBeCloseTo(1e-3, 5);
  });

  test.each([
    ['pes', { deviation: 0 }, 'pes: deviation must be a finite number above 0, got 0'],
    ['truncated-es', { clip: -1 }, 'truncated-es: clip must be a finite number ≥ 0, got -1'],
    ['full-es', { loss: 'worst' }, "full-es: loss must be one of mean, min, last, got 'worst'"],
    [
      'spsa',
      {},
      "gradient estimator: kind must be one of pes, truncated-es, full-es, truncated-backpropagation, got 'spsa'",
    ],
  ] as readonly (readonly [string, Settings, string])[])('%s with %j is refused', (kind, settings, message) => {
    expect(() => createEstimator(kind, made(2).step, settings)).toThrow(message);
  });

  test.each(kinds)('%s refuses an optimizer that has nothing to learn', (kind) => {
    const optimizer = createOptimizer('sgd', bowl.architecture);
    const step = truncatedStep(bowl, optimizer, { tasks: 2, length: K, horizon: [5, 5] });
    expect(() => createEstimator(kind, step)).toThrow(`${kind}: optimizer 'sgd' must have meta-parameters, got none`);
  });

  test('a name is taken once', () => {
    expect(() => registerEstimator(estimatorKinds()[0]!)).toThrow("gradient estimator 'pes' is registered already");
  });
});

describe('truncatedStep', () => {
  const task = createTaskFamily('image-mlp', { hidden: [4], batch: 8 }).sample(stream);

  test('gives the same in one graph and in several, and as networks alone', async () => {
    const optimizer = createOptimizer('mlp-lopt', task.architecture, { width: 4 });
    const meta = mapValues(optimizer.initialize(stream), ({ data, shape }) =>
      ndarray(data as Float32Array, [1, ...shape]),
    );
    const results = [];
    for (const stepsPerCall of [1, 2, 6]) {
      const step = truncatedStep(task, optimizer, { tasks: 3, length: 6, horizon: [6, 6], stepsPerCall });
      releases.push(step.release);
      const made = await step.run(meta, await step.start(stream, 2), stream);
      expect(made.losses.shape).toEqual([6, 6]);
      expect([...made.state.step.data]).toEqual([6, 6, 6]);
      // Both blocks have the same copy of meta-parameters here: shared starts and data make them equal.
      const rows = [...Array(6).keys()].map((k) => made.losses.data.subarray(k * 6, (k + 1) * 6));
      for (const row of rows) expect([...row.subarray(0, 3)]).toEqual([...row.subarray(3)]);
      expect(new Set(rows[0]!.subarray(0, 3)).size).toBe(3);
      results.push(made);
    }
    for (const { losses } of results) assertClose(losses, results[0]!.losses, { rtol: 1e-5, atol: 1e-6 });
  });

  test('begins networks anew where their horizon is over, and leaves the others', async () => {
    const optimizer = createOptimizer('learnable-momentum', task.architecture);
    const step = truncatedStep(task, optimizer, { tasks: 2, length: 5, horizon: [10, 40] });
    releases.push(step.release);
    const meta = mapValues(optimizer.initialize(stream), ({ data }) => ndarray(data as Float32Array, [1]));
    const begun = await step.start(stream, 2);
    const { state } = await step.run(meta, { ...begun, horizon: ndarray([5, 10], [2]) }, stream);
    const before = mapValues(state.params, (a) => a.data.slice());
    const { state: next, ended } = await step.restart(state, stream.split('restart'));
    expect(ended).toEqual([true, false]);
    expect([...next.step.data]).toEqual([0, 5]);
    expect(next.horizon.data[1]).toBe(10);
    expect(next.horizon.data[0]! % 5).toBe(0);
    expect(next.horizon.data[0]).toBeGreaterThanOrEqual(10);
    const fresh = task.initialize(stream.split('restart').split('start'), 2);
    for (const [name, { data }] of Object.entries(next.params)) {
      const size = data.length / 4;
      const row = (values: ArrayLike<number>, n: number) => Array.from(values).slice(n * size, (n + 1) * size);
      for (const block of [0, 2]) {
        expect(row(data, block)).toEqual(row(fresh[name]!.data, 0));
        expect(row(data, block + 1)).toEqual(row(before[name]!, block + 1));
      }
    }
    for (const { data } of Object.values(next.memory)) {
      expect(data.subarray(0, data.length / 4).every((v) => v === 0)).toBe(true);
      expect(data.subarray(data.length / 4, data.length / 2).every((v) => v === 0)).toBe(false);
    }
  });

  test('draws horizons log-uniformly, in whole truncations, and shortens the first', async () => {
    const optimizer = createOptimizer('sgd', bowl.architecture);
    const step = truncatedStep(bowl, optimizer, { tasks: 4000, length: 10, horizon: [100, 1000] });
    releases.push(step.release);
    const { horizon } = await step.start(stream, 1);
    expect(horizon.data.every((h) => h % 10 === 0 && h >= 10 && h <= 1000)).toBe(true);
    const ended = await step.restart(
      { ...(await step.start(stream, 1)), horizon: ndarray(new Float32Array(4000), [4000]) },
      stream,
    );
    const drawn = [...ended.state.horizon.data].sort((a, b) => a - b);
    expect(drawn[0]).toBeGreaterThanOrEqual(100);
    expect(drawn.at(-1)).toBeLessThanOrEqual(1000);
    expect(Math.abs(drawn[2000]! - Math.sqrt(100 * 1000))).toBeLessThan(25);
    const mean = [...horizon.data].reduce((a, b) => a + b, 0) / 4000;
    expect(Math.abs(mean / (drawn.reduce((a, b) => a + b, 0) / 4000) - 0.51)).toBeLessThan(0.03);
  });

  test.each([
    [{ tasks: 0 }, 'truncatedStep: tasks must be a whole number ≥ 1, got 0'],
    [{ stepsPerCall: 3 }, 'truncatedStep: stepsPerCall must divide length 5, got 3'],
    [{ horizon: [20, 10] }, 'truncatedStep: horizon must be two rising numbers ≥ 1, got [20, 10]'],
  ] as readonly (readonly [Partial<TruncationSettings>, string])[])('refuses %j', (change, message) => {
    expect(() => made(2, change)).toThrow(message);
  });
});
