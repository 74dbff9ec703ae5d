import { augmentationsOf } from '@weightspace/augmentation';
import { siren } from '@weightspace/architecture';
import { ndarray, RandomStream, scalar, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';
import { calibratorOf, compileStep, initialState } from '@weightspace/inr-classification';
import type { ZooData } from '@weightspace/inr-classification';
import type { Metanet } from '@weightspace/metanet';
import { dwsRecipe } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

const architecture = siren({ sizes: [1, 1], omega: 1 });
const [weight, bias] = architecture.parameters.map(({ name }) => name);
const COUNT = 50;

/** Weights 0, 1, 2, …; the last networks aren't for training. */
const data: ZooData = {
  path: 'test',
  architecture,
  recipe: dwsRecipe,
  weights: {
    [weight!]: ndarray(
      Float32Array.from({ length: COUNT }, (_, i) => i),
      [COUNT, 1, 1],
    ),
    [bias!]: ndarray(new Float32Array(COUNT), [COUNT, 1]),
  },
  labels: Int32Array.from({ length: COUNT }, (_, i) => i % 2),
  classes: ['even', 'odd'],
  imageSet: undefined,
  psnr: new Float32Array(COUNT),
  train: Int32Array.from({ length: 40 }, (_, i) => i),
  validation: new Int32Array(0),
  test: Int32Array.from({ length: 10 }, (_, i) => 40 + i),
};

/** A linear function of the weight, with a mean that it only has by calibration. */
const model: Metanet = {
  kind: 'test',
  architecture,
  outputs: 2,
  parameterCount: 2,
  initialize: () => ({ slope: ndarray(Float32Array.of(0.1, -0.1), [1, 2]) }),
  measure: () => ({ mean: scalar(0), other: scalar(7) }),
  noise: () => ({}),
  apply: (params, fixed, weights) =>
    tf.matMul(tf.sub(tf.reshape(weights[weight!]!, [-1, 1]), fixed['mean']!), params['slope']!) as Tensor,
  calibrate: (params, _fixed, weights) => ({
    mean: tf.mul(tf.mean(weights[weight!]!), tf.slice(tf.reshape(params['slope']!, [-1]), 0, 1).reshape([])) as Tensor,
  }),
};

describe('calibratorOf', () => {
  const none = augmentationsOf([]);
  test('averages statistics over training batches alone, and keeps what else is fixed', async () => {
    const calibrator = calibratorOf(model, none, data, 4, RandomStream.fromSeed(1));
    const params = { slope: ndarray(Float32Array.of(2, 0), [1, 2]) };
    const fixed = await calibrator.calibrate(params, model.measure({}, RandomStream.fromSeed(0)));
    // Ten batches of four are all of the 40 training networks: 2 · mean(0…39).
    expect(fixed['mean']!.data[0]).toBeCloseTo(2 * 19.5, 4);
    expect(fixed['mean']!.shape).toEqual([]);
    expect(fixed['other']!.data[0]).toBe(7);
    const again = await calibrator.calibrate(params, fixed);
    expect(again).toEqual(fixed);
    await calibrator.release();
  });

  test('leaves models without such statistics alone', async () => {
    const { calibrate: _, ...plain } = model;
    const fixed = model.measure({}, RandomStream.fromSeed(0));
    expect(await calibratorOf(plain, none, data, 4, RandomStream.fromSeed(1)).calibrate({}, fixed)).toBe(fixed);
  });
});

describe('compileStep', () => {
  const settings = { weightDecay: 0, amsgrad: false, clip: 0, labelSmoothing: 0 };
  const rows = { [weight!]: ndarray(Float32Array.of(3, 5), [2, 1, 1]), [bias!]: ndarray(new Float32Array(2), [2, 1]) };
  const batch = { weights: rows, labels: ndarray(Int32Array.of(0, 1), [2]), draws: {}, noise: {} };
  const first = async (more: Partial<typeof settings>) => {
    const all = { ...settings, ...more };
    const step = compileStep(model, augmentationsOf([]), all);
    const params = model.initialize(RandomStream.fromSeed(0));
    const fixed = model.measure({}, RandomStream.fromSeed(0));
    const { state } = await step(initialState(params, all) as never, fixed as never, batch as never, scalar(0.01));
    const { optimizer } = state as unknown as { optimizer: Record<string, { data: Float32Array }> };
    await step.release();
    return optimizer;
  };
  test('keeps the largest moments with amsgrad alone', async () => {
    expect(Object.keys(await first({})).sort()).toEqual(['m.slope', 'step', 'v.slope']);
    expect(Object.keys(await first({ amsgrad: true })).sort()).toEqual(['m.slope', 'step', 'v.slope', 'vmax.slope']);
  });
  test('clips where clip is above 0', async () => {
    const norm = (optimizer: Record<string, { data: Float32Array }>) => Math.hypot(...optimizer['m.slope']!.data);
    expect(norm(await first({}))).toBeGreaterThan(0.2);
    expect(norm(await first({ clip: 0.1 }))).toBeCloseTo(0.1, 4);
  });
});
