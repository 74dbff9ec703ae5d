import { ndarray, RandomStream, sameBits } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import type { Restored, Snapshot, Stage } from '@weightspace/experiment';
import {
  bestRate,
  copied,
  createOptimizer,
  createTaskFamily,
  curvesOfCopy,
  divergedShare,
  envelopeOf,
  envelopeRates,
  evaluationMeans,
  packCurves,
  speedUp,
  trainInner,
  trainRates,
  unpackCurves,
} from '@weightspace/learned-optimizer';
import type { InnerCurves, InnerTraining, RateEnvelope } from '@weightspace/learned-optimizer';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(11);
const bowl = createTaskFamily('quadratic', { dimensions: 3, condition: 4 }).sample(stream.split('bowl'));
const images = createTaskFamily('image-mlp', { set: 'mnist', side: 4, hidden: [6], batch: 8 }).sample(stream);
const short = { runs: 3, steps: 6, every: 4, batches: 2, stream };

const training = (kind: string, more: Partial<InnerTraining> = {}): InnerTraining => {
  const task = more.task ?? bowl;
  const optimizer = createOptimizer(kind, task.architecture);
  return { task, optimizer, meta: copied(optimizer.initialize(stream.split('meta')), 1), ...short, ...more };
};
const untimed = (curves: InnerCurves) => {
  const { json, arrays } = packCurves(curves);
  return { at: json.at, diverged: json.diverged, arrays };
};

describe('trainInner', () => {
  test('makes the steps that a loop makes', async () => {
    const optimizer = createOptimizer('sgd', bowl.architecture, { rate: 0.5 });
    const curves = await trainInner(training('sgd', { optimizer, meta: {} }));
    const start = bowl.initialize(stream.split('start'), 3)['layer1.weight']!.data;
    const curvature = [1, 1 / 2, 1 / 4];
    const optimum = stream.split('bowl').normal([3]).data;
    const lossAfter = (run: number, steps: number) =>
      curvature.reduce(
        (sum, h, i) => sum + (h / 2) * ((start[3 * run + i]! - optimum[i]!) * (1 - h / 2) ** steps) ** 2,
        0,
      );
    for (let step = 0; step < 6; step++)
      for (let run = 0; run < 3; run++) expect(curves.losses.data[3 * step + run]).toBeCloseTo(lossAfter(run, step), 5);
    expect(curves.at).toEqual([0, 4, 6]);
    for (const name of ['train/loss', 'validation/loss', 'test/loss'])
      for (let run = 0; run < 3; run++)
        expect(curves.evaluations[name]!.data[6 + run]).toBeCloseTo(lossAfter(run, 6), 5);
    expect(curves.diverged).toEqual([false, false, false]);
    for (const part of ['data', 'gradients', 'update'] as const) expect(curves.seconds[part]).toBeGreaterThanOrEqual(0);
    expect(curves.seconds.gradients).toBeGreaterThan(0);
  });

  test('measures accuracy on parts of the data that differ', async () => {
    const { evaluations } = await trainInner(training('adam', { task: images, meta: {}, steps: 4 }));
    const names = ['train', 'validation', 'test'].flatMap((part) => [`${part}/loss`, `${part}/accuracy`]);
    expect(Object.keys(evaluations)).toEqual(names);
    const [train, held] = [evaluations['train/loss']!, evaluations['test/loss']!];
    expect([...train.data]).not.toEqual([...held.data]);
    expect(train.shape).toEqual([2, 3]);
  });

  test('copies train networks of their own from the same starts on the same data', async () => {
    const optimizer = createOptimizer('learnable-sgd', images.architecture);
    const rates = [0.1, 1];
    const meta = { 'log rate': ndarray(rates.map(Math.log), [2]) };
    const both = await trainInner(training('learnable-sgd', { task: images, optimizer, meta }));
    for (const [copy, rate] of rates.entries()) {
      const own = { 'log rate': ndarray([Math.log(rate)], [1]) };
      const alone = await trainInner(training('learnable-sgd', { task: images, optimizer, meta: own }));
      const among = curvesOfCopy(both, copy, 2);
      expect(among.losses.shape).toEqual(alone.losses.shape);
      alone.losses.data.forEach((loss, i) => expect(among.losses.data[i]).toBeCloseTo(loss, 5));
      const [a, b] = [among, alone].map((curves) => evaluationMeans(curves, 'validation/accuracy').at(-1)!.mean);
      expect(a).toBeCloseTo(b!, 5);
    }
  });

  test('records networks that diverge, and goes on', async () => {
    const optimizer = createOptimizer('learnable-sgd', bowl.architecture);
    const meta = { 'log rate': ndarray([0.1, 1e30, 5].map(Math.log), [3]) };
    const curves = await trainInner(training('learnable-sgd', { optimizer, meta, steps: 8 }));
    expect(curves.diverged).toEqual([false, false, false, true, true, true, true, true, true]);
    expect(divergedShare(curves)).toBeCloseTo(2 / 3);
    expect(curves.losses.data.every(Number.isFinite)).toBe(true);
  });

  test('that is stopped and resumed ends with the same curves', async () => {
    const whole = await trainInner(training('mlp-lopt', { task: images }));
    let [kept, points]: [Snapshot | undefined, number] = [undefined, 0];
    const stopping: Stage = {
      checkpoint: { load: () => undefined, save: () => undefined },
      safePoint: async (snapshot) => {
        if (++points < 5) return;
        const { arrays = {}, json } = await snapshot();
        const copy = Object.entries(arrays).map(([name, a]) => [name, { ...a, data: a.data.slice() }] as const);
        kept = { arrays: Object.fromEntries(copy), json };
        throw new Error('stopped');
      },
    };
    await expect(trainInner(training('mlp-lopt', { task: images, stage: stopping }))).rejects.toThrow('stopped');
    const resuming: Stage = {
      checkpoint: { load: <S>() => ({ streams: {}, ...kept }) as Restored<S>, save: () => undefined },
      safePoint: () => Promise.resolve(),
    };
    const steps: number[] = [];
    const resumed = await trainInner(
      training('mlp-lopt', { task: images, stage: resuming, onStep: (step) => steps.push(step) }),
    );
    expect(steps).toEqual([6]);
    expect(untimed(resumed)).toEqual(untimed(whole));
    const { json, arrays } = packCurves(whole);
    expect(sameBits(packCurves(unpackCurves(json, arrays)).arrays, arrays as NdArrays)).toBe(true);
  });

  test.each([
    [{ steps: 0 }, 'trainInner: steps must be a whole number ≥ 1, got 0'],
    [{ every: 1.5 }, 'trainInner: every must be a whole number ≥ 1, got 1.5'],
    [
      { meta: { a: ndarray([1, 2], [2]), b: ndarray([1], [1]) } },
      "meta-parameters of learnable-sgd must have the axis M first, got 'b' [1] beside M = 2",
    ],
  ] as readonly (readonly [Partial<InnerTraining>, string])[])('refuses %j', async (change, message) => {
    await expect(trainInner(training('learnable-sgd', change))).rejects.toThrow(message);
  });
});

describe('the envelope of rates', () => {
  test('has for each number of steps the best of all rates', async () => {
    const rates = [1e-4, 0.1, 1];
    const curves = await trainRates({ task: bowl, ...short, steps: 40, every: 10, rates });
    const envelope = envelopeOf(curves, rates);
    expect(envelope.steps).toEqual([0, 10, 20, 30, 40]);
    for (const [copy, rate] of rates.entries()) {
      const optimizer = createOptimizer('adam', bowl.architecture, { rate });
      const alone = await trainInner(training('adam', { optimizer, meta: {}, steps: 40, every: 10 }));
      const means = evaluationMeans(alone, 'train/loss').map(({ mean }) => mean);
      const own = evaluationMeans(curvesOfCopy(curves, copy, 3), 'train/loss');
      means.forEach((mean, i) => {
        expect(own[i]!.mean).toBeCloseTo(mean, 4);
        expect(envelope.losses[i]!).toBeLessThanOrEqual(own[i]!.mean);
      });
    }
    expect(envelope.losses[4]).toBeLessThan(0.01 * envelope.losses[0]!);
    expect(bestRate(envelope, 40)).toBe(0.1);
    expect(bestRate(envelope, 1000)).toBe(0.1);
  });
  test('has the published rates', () => {
    expect(envelopeRates).toHaveLength(15);
    expect([envelopeRates[0], envelopeRates[14]]).toEqual([1e-7, 1]);
    expect(envelopeRates[8]! / envelopeRates[7]!).toBeCloseTo(Math.sqrt(10));
  });
  test('speedUp interpolates, and says where the envelope never comes', () => {
    const envelope: RateEnvelope = {
      measure: 'train/loss',
      rates: [1],
      steps: [0, 10, 20, 40],
      losses: [2, 1, 1.2, 0.5],
      best: [0, 0, 0, 0],
    };
    expect(speedUp(envelope, 5, 1)).toEqual({ steps: 5, envelopeSteps: 10, factor: 2, isBound: false });
    expect(speedUp(envelope, 5, 1.5)).toEqual({ steps: 5, envelopeSteps: 5, factor: 1, isBound: false });
    expect(speedUp(envelope, 10, 0.85).envelopeSteps).toBeCloseTo(30);
    expect(speedUp(envelope, 5, 3)).toEqual({ steps: 5, envelopeSteps: 0, factor: 0, isBound: false });
    expect(speedUp(envelope, 10, 0.4)).toEqual({ steps: 10, envelopeSteps: 40, factor: 4, isBound: true });
  });
  test('refuses a kind without a rate, and a measure that there is not', async () => {
    await expect(trainRates({ task: bowl, ...short, kind: 'nothing' })).rejects.toThrow(
      'optimizer: kind must be one of sgd, learnable-sgd',
    );
    const curves = await trainInner(training('sgd', { meta: {} }));
    expect(() => evaluationMeans(curves, 'loss')).toThrow(
      "evaluationMeans: name must be of train/loss, validation/loss, test/loss, got 'loss'",
    );
  });
});
