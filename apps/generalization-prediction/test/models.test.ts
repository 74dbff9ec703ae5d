import { join } from 'node:path';

import { adamW, compile, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray, Tensor, Tensors } from '@weightspace/compute';
import { temporaryFolder } from '@weightspace/experiment/testing';
import {
  blindKinds,
  distributionOf,
  estimate,
  estimateLead,
  featureNames,
  loadRows,
  lossAt,
  lossOf,
  makeLearner,
  placementOf,
  predictionOf,
  recipes,
  rowsOfSplit,
  scaleOf,
  shareModel,
  targetOf,
  weightFeatures,
  weightsOf,
} from '@weightspace/generalization-prediction';
import type { LearnerState, Rows } from '@weightspace/generalization-prediction';
import { metanetKinds } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { miniArchitecture } from './mini-zoo.ts';
import { writeMiniZoo } from './support.ts';

const { folder, remove } = temporaryFolder('generalization-prediction');
let one: Rows;
let mixed: Rows;
beforeAll(async () => {
  await writeMiniZoo(join(folder, 'one'), 20);
  await writeMiniZoo(join(folder, 'mixed'), 20, true);
  [one, mixed] = [await loadRows([join(folder, 'one')]), await loadRows([join(folder, 'mixed')])];
});
afterAll(remove);
const stream = RandomStream.fromSeed(9);
const objective = { loss: 'bce', scale: { mean: 0.5, deviation: 0.2 } } as const;
const optimizer = { weightDecay: 0, clip: 1 };

describe('losses', () => {
  const scale = { mean: 0.3, deviation: 0.5 };
  test.each(['bce', 'mse'] as const)('%s is the same in a graph and outside, and least at the truth', async (name) => {
    const [z, y] = [
      [-100, -2, 0, 1.5, 100],
      [0, 0.2, 0.5, 1, 1],
    ];
    const f = compile((a: Tensor, b: Tensor) => lossOf(name, scale, a, b));
    const found = (await f(ndarray(z, [5]), ndarray(y, [5]))).data[0]!;
    const want = z.reduce((sum, own, i) => sum + lossAt(name, scale, own, y[i]!) / 5, 0);
    expect(found / want).toBeCloseTo(1, 5);
    for (const truth of [0.1, 0.5, 0.8]) {
      const grid = Array.from({ length: 801 }, (_, i) => -4 + i / 100);
      const best = grid.reduce((a, b) => (lossAt(name, scale, b, truth) < lossAt(name, scale, a, truth) ? b : a));
      expect(predictionOf(name, scale, best)).toBeCloseTo(truth, 2);
    }
  });
  test('bce refuses targets that are no shares, naming the row', () => {
    expect(() => scaleOf('bce', [0.5, 1.5], Int32Array.of(0, 1))).toThrow(
      'training.loss: bce needs targets in [0, 1], got 1.5 in row 1; set training.loss=mse',
    );
    expect(scaleOf('mse', [1, 3, 99], Int32Array.of(0, 1))).toEqual({ mean: 2, deviation: 1 });
    expect(scaleOf('mse', [2, 2], Int32Array.of(0, 1)).deviation).toBe(1);
  });
});

describe('learners', () => {
  test('grouped and packed, a mixed metanet gives the same for every row', async () => {
    const rows = Int32Array.from({ length: 60 }, (_, i) => 2 * i);
    for (const kind of ['stat-nn', 'ng-gnn', 'gmn']) {
      const settings: Settings = kind === 'gmn' ? { width: 8, layers: 2 } : {};
      const choice = { kind, settings };
      const results: Float64Array[] = [];
      for (const batching of ['grouped', 'packed'] as const) {
        const learner = makeLearner(choice, mixed, batching, objective, optimizer);
        const params = learner.initialize(stream.split('p'));
        const fixed = learner.measure(mixed, rows, stream.split('f'));
        results.push(await learner.outputs(params, fixed, mixed, rows.toReversed()));
        await learner.release();
      }
      const largest = Math.max(...results[0]!.map(Math.abs));
      results[0]!.forEach((z, i) => expect(Math.abs(z - results[1]![i]!) / largest, kind).toBeLessThan(1e-5));
      expect(new Set(results[0]).size, kind).toBe(60);
    }
  });
  test('a step of one architecture is a step of AdamW on its rows, whatever else is in the zoo', async () => {
    const target = targetOf(one, 'test-accuracy');
    const learner = makeLearner({ kind: 'deep-sets', settings: {} }, one, 'auto', objective, optimizer);
    const params = learner.initialize(stream.split('p'));
    const fixed = learner.measure(one, rowsOfSplit(one, 'train'), stream.split('f'));
    const state: LearnerState = { params, optimizer: adamW().init(params) };
    const inputs = { rows: one, target, units: Int32Array.of(3, 1, 7), stream: stream.split('s'), rate: 1e-3 };
    const { loss } = await learner.step(state, fixed, inputs);
    const dropless = makeLearner({ kind: 'deep-sets', settings: { dropout: 0 } }, one, 'auto', objective, optimizer);
    const plain = (await dropless.step(state, fixed, inputs)).loss;
    const z = await dropless.outputs(params, fixed, one, inputs.units);
    const want = [3, 1, 7].reduce((sum, row, i) => sum + lossAt('bce', objective.scale, z[i]!, target[row]!) / 3, 0);
    expect(plain).toBeCloseTo(want, 5);
    expect(Number.isFinite(loss)).toBe(true);
    await learner.release();
    await dropless.release();
  });
  test.each(['grouped', 'packed'] as const)(
    '%s, several architectures learn together: the loss falls',
    async (batching) => {
      const target = targetOf(mixed, 'test-accuracy');
      const train = rowsOfSplit(mixed, 'train');
      const settings = { head: [32], dropout: 0 };
      const learner = makeLearner({ kind: 'stat-nn', settings }, mixed, batching, objective, optimizer);
      const { units, batch } = learner.units(mixed, train, 32);
      const params = learner.initialize(stream.split('p'));
      let state: LearnerState = { params, optimizer: adamW().init(params) };
      const fixed = learner.measure(mixed, train, stream.split('f'));
      const losses: number[] = [];
      for (let i = 0; i < 60; i++) {
        const own = stream.split('step').split(i);
        const order = own.split('order').permutation(units.length);
        const drawn = Int32Array.from({ length: batch }, (_, k) => units[order[k % units.length]!]!);
        const done = await learner.step(state, fixed, { rows: mixed, target, units: drawn, stream: own, rate: 1e-2 });
        ({ state } = done);
        losses.push(done.loss);
      }
      const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
      // The least that binary cross-entropy can be is the entropy of the targets.
      const least = mean(Array.from(train, (row) => lossAt('bce', objective.scale, logit(target[row]!), target[row]!)));
      expect(mean(losses.slice(-10)) - least).toBeLessThan(0.3 * (losses[0]! - least));
      await learner.release();
    },
  );
  const pair = (['relu', 'tanh'] as const).map((activation) => miniArchitecture({ features: [4, 3], activation }));
  const apart = async (kind: string, settings: Settings = {}) => {
    const shared = shareModel({ kind, settings }, pair);
    const weights = weightsOf(one, [0, 5, 9]);
    const params = shared.initialize(stream.split('p'));
    const fixed = shared.measure([{ architecture: pair[0]!, weights }], stream.split('f'));
    const outputs = pair.map(async (architecture) => {
      const model = shared.on(architecture);
      const f = compile((p: Tensors, x: Tensors, w: Tensors) => model.apply(p, x, w));
      return Array.from(((await f(params as never, fixed as never, weights as never)) as unknown as NdArray).data);
    });
    const [a, b] = await Promise.all(outputs);
    return { sharing: shared.sharing, gap: Math.max(...a!.map((z, i) => Math.abs(z - b![i]!))) };
  };
  test.each(blindKinds)(
    '%s gives the same for networks that differ in activations, so they share its graph',
    async (kind) => {
      expect(await apart(kind)).toEqual({ sharing: 'same', gap: 0 });
    },
  );
  test.each(['probes', 'scale-gmn', 'ng-gnn'])('%s does not: it has a function for each', async (kind) => {
    const { sharing, gap } = await apart(kind, kind === 'probes' ? { probes: 4 } : {});
    expect(sharing).toBe(kind === 'ng-gnn' ? 'mixed' : 'each');
    expect(gap).toBeGreaterThan(0);
  });
  test('kinds of one shape are refused for several, with those that take them', () => {
    expect(() => makeLearner({ kind: 'flat-mlp', settings: {} }, mixed, 'auto', objective, optimizer)).toThrow(
      'model.kind: must be one of gmn, ng-gnn, ng-t, stat-nn for architectures of different shapes (3 in all)',
    );
    expect(() => makeLearner({ kind: 'dws', settings: {} }, one, 'auto', objective, optimizer)).toThrow(
      'model.kind: dws normalizes by statistics of the batch',
    );
  });
});
const logit = (y: number): number => Math.log(Math.max(y, 1e-9) / Math.max(1 - y, 1e-9));

describe('the recipes', () => {
  test('have names that stages can have, and registered kinds that take them', async () => {
    const kinds = metanetKinds().map(({ kind }) => kind);
    for (const [name, { kind, settings }] of Object.entries(recipes)) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(kinds).toContain(kind);
      const learner = makeLearner({ kind, settings }, one, 'auto', objective, optimizer);
      expect(learner.parameterCount, name).toBeGreaterThan(0);
      await learner.release();
    }
  });
});

describe('measures', () => {
  const truth = Array.from({ length: 60 }, (_, i) => i / 60);
  const runs = truth.map((_, i) => i >> 1);
  test('are means over predictions, with intervals over runs, the same for the same stream', () => {
    const predictions = [truth.map((y) => y + 0.1), truth.map((y) => -y)];
    const found = estimate({ predictions, truth, runs }, stream, 100);
    expect(found['kendall-tau'].value).toBeCloseTo(0, 12);
    expect(found.mae.value).toBeCloseTo((0.1 + (2 * 59) / 120) / 2, 6);
    expect(found).toEqual(estimate({ predictions, truth, runs }, stream, 100));
    expect(found.rmse.high).toBeGreaterThan(found.rmse.low);
  });
  test('a lead is a difference on the same samples: of a predictor over itself none', () => {
    const own = { predictions: [truth], truth, runs };
    expect(estimateLead(own, own, stream, 50)).toEqual({ value: 0, low: 0, high: 0 });
    expect(estimateLead(own, { ...own, predictions: [truth.map((y) => -y)] }, stream, 50).low).toBeCloseTo(2, 9);
  });
});

describe('the training distribution', () => {
  const cloud = stream.split('cloud').normal([400, 2]).data;
  // Correlated: (a, a + 0.1 b).
  const features = Array.from({ length: 400 }, (_, i) => [cloud[2 * i]!, cloud[2 * i]! + 0.1 * cloud[2 * i + 1]!]);
  const distribution = distributionOf(features);
  test('measures distances in deviations along its own axes', () => {
    expect(placementOf(distribution, [1, 1]).distance).toBeLessThan(1.5);
    // As far from the middle as the point before, but across the cloud.
    expect(placementOf(distribution, [1, -1]).distance).toBeGreaterThan(12);
    expect(placementOf(distribution, [1, -1]).further).toBeGreaterThan(0.99);
    expect(placementOf(distribution, distribution.mean).distance).toBeCloseTo(0, 9);
    expect(placementOf(distribution, distribution.mean).further).toBeLessThan(0.05);
  });
  test('says which features are beyond all training networks, and by how many deviations', () => {
    const { beyond } = placementOf(distribution, [0, 8]);
    expect(beyond.map(({ feature }) => feature)).toEqual([1]);
    expect(beyond[0]!.deviations).toBeGreaterThan(6);
    expect(beyond[0]!.deviations).toBeLessThan(10);
  });
  test('has an inverse also where a feature is constant, and needs two networks', () => {
    const flat = distributionOf([
      [1, 2],
      [1, 3],
      [1, 4],
    ]);
    expect(Number.isFinite(placementOf(flat, [1.5, 3]).distance)).toBe(true);
    expect(() => distributionOf([[1]])).toThrow('distributionOf: features must be of two networks or more, got 1');
  });
  test('is of features that grow with the weights, one for each name', () => {
    const { architecture } = one.groups[0]!;
    const weights = weightsOf(one, [0]);
    const doubled = Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [
        name,
        ndarray(
          Float32Array.from(w.data, (v) => 2 * v),
          w.shape,
        ),
      ]),
    );
    const [a, b] = [weightFeatures(architecture, weights)[0]!, weightFeatures(architecture, doubled)[0]!];
    expect(a).toHaveLength(featureNames.length);
    expect(b[1]! - a[1]!).toBeCloseTo(Math.log10(2), 4);
    expect(b[0]).toBeCloseTo(a[0]!, 4);
  });
});
