import { assertClose, compile, mapValues, ndarray, RandomStream, valueAndGrads, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  augmentationKinds,
  augmentFamily,
  checkTask,
  createOptimizer,
  createTaskFamily,
  delayed,
  registerAugmentation,
  truncatedStep,
} from '@weightspace/learned-optimizer';
import type { LearnedOptimizer, Settings, Task } from '@weightspace/learned-optimizer';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(9);
const family = createTaskFamily('image-mlp', { set: 'mnist', hidden: [6], batch: 20 });
const language = createTaskFamily('transformer-language', { width: 8, heads: 2, depth: 1, length: 4, batch: 10 });
const of = (kind: string, settings: Settings = {}, base = family) =>
  augmentFamily(base, kind, settings).sample(stream.split('task'));
const plain = family.sample(stream.split('task'));

async function lossAndGradients(task: Task, params: NdArrays, batch: NdArrays) {
  const f = compile((p: Tensors, b: Tensors) => valueAndGrads((q) => tf.sum(task.loss(q, b)), p), { threads: 1 });
  const { value, grads } = (await f(params as never, batch as never)) as unknown as { value: NdArray; grads: NdArrays };
  await f.release();
  return { loss: value.data[0]!, grads };
}

/** Settings of each kind, by which every augmentation in the registry is checked. */
const cases: { readonly [kind: string]: readonly Settings[] } = {
  'rescaled-weights': [{ scales: [0.1, 10] }, { level: 'global', scales: [5, 5] }],
  'reduced-batch': [{}, { shares: [0.01, 0.01] }],
  'delayed-gradients': [{}],
};

describe('task augmentations', () => {
  test('all in the registry are checked', () => {
    expect(augmentationKinds().map(({ kind }) => kind)).toEqual(Object.keys(cases));
  });

  test.each(Object.entries(cases).flatMap(([kind, list]) => list.map((settings) => [kind, settings] as const)))(
    '%s %j: an MLP and a transformer pass the conformance checks still',
    async (kind, settings) => {
      for (const base of [family, language]) {
        const report = await checkTask(of(kind, settings, base), { steps: 10 });
        expect(report.after).toBeLessThan(report.before);
      }
    },
  );

  test('rescaled weights: the same losses from the same start, and gradients by the scales', async () => {
    const task = of('rescaled-weights');
    const [start, batch] = [stream.split('start'), plain.batch(stream.split('batch'), 'train', 1)];
    const [params, scaled] = [plain.initialize(start, 1), task.initialize(start, 1)];
    const [before, after] = [await lossAndGradients(plain, params, batch), await lossAndGradients(task, scaled, batch)];
    expect(after.loss).toBeCloseTo(before.loss, 4);
    const scales = ['layer1.weight', 'layer2.weight'].map((name) => {
      const scale = params[name]!.data[0]! / scaled[name]!.data[0]!;
      expect(scale).toBeGreaterThan(0.01);
      expect(scale).toBeLessThan(100);
      const wanted = mapValues(
        { g: before.grads[name]! },
        (g) => ({ ...g, data: g.data.map((x) => scale * x) }) as NdArray,
      );
      assertClose(after.grads[name]!, wanted['g']!, { rtol: 1e-3, atol: 1e-6 * scale });
      return scale;
    });
    expect(scales[0]! / scales[1]!).not.toBeCloseTo(1, 3);
  });

  test('rescaled weights: global has one scale; tasks of a family have their own', () => {
    const ratio = (task: Task, name: string) => {
      const [a, b] = [plain, task].map((t) => t.initialize(stream.split('start'), 1)[name]!.data[0]!);
      return a! / b!;
    };
    const task = of('rescaled-weights', { level: 'global' });
    expect(ratio(task, 'layer1.weight')).toBeCloseTo(ratio(task, 'layer2.weight'), 4);
    const drawn = augmentFamily(family, 'rescaled-weights');
    const ratios = Array.from({ length: 20 }, (_, i) => ratio(drawn.sample(stream.split(i)), 'layer1.weight'));
    expect(new Set(ratios).size).toBe(20);
    expect(Math.min(...ratios)).toBeLessThan(0.3);
    expect(Math.max(...ratios)).toBeGreaterThan(3);
  });

  test('reduced batch: the first examples of each network', () => {
    const task = of('reduced-batch', { shares: [0.25, 0.25] });
    const [all, some] = [plain, task].map((t) => t.batch(stream.split('batch'), 'train', 3));
    expect(some!['inputs']!.shape).toEqual([3, 5, 64]);
    expect(some!['labels']!.shape).toEqual([3, 5]);
    for (let n = 0; n < 3; n++) {
      const [from, to] = [n * 20, n * 20 + 5];
      const kept = some!['labels']!.data.slice(n * 5, n * 5 + 5);
      expect(kept).toEqual(all!['labels']!.data.slice(from, to));
      const images = some!['inputs']!.data.slice(n * 5 * 64, (n + 1) * 5 * 64);
      expect(images).toEqual(all!['inputs']!.data.slice(from * 64, to * 64));
    }
    const quiet = createTaskFamily('quadratic', {});
    expect(of('reduced-batch', {}, quiet).batch(stream, 'train', 2)).toEqual({});
  });

  test('augmentations of augmentations: delays add up, and the rest stays', () => {
    const twice = augmentFamily(augmentFamily(family, 'delayed-gradients', { delays: [2, 2] }), 'delayed-gradients', {
      delays: [3, 3],
    });
    const task = augmentFamily(twice, 'reduced-batch', { shares: [0.5, 0.5] }).sample(stream);
    expect(task.gradientDelay).toBe(5);
    expect(task.batch(stream, 'train', 1)['labels']!.shape).toEqual([1, 10]);
    expect(task.name).toContain('gradients late by 5, of which 50.0 %');
  });

  test.each([
    ['rescaled-weights', { level: 'parameter' }, "rescaled-weights: level must be of tensor, global, got 'parameter'"],
    ['rescaled-weights', { scales: [0, 1] }, 'scales must be two rising finite numbers above 0, got [0, 1]'],
    ['reduced-batch', { shares: [0.5, 2] }, 'reduced-batch: shares must be at most 1, got [0.5, 2]'],
    ['delayed-gradients', { delays: [0, 1] }, 'delayed-gradients: delays must be two rising whole numbers ≥ 1'],
    ['mirrored', {}, 'task augmentation: kind must be one of rescaled-weights, reduced-batch, delayed-gradients'],
  ] as readonly (readonly [string, Settings, string])[])('%s with %j is refused', (kind, settings, message) => {
    expect(() => of(kind, settings)).toThrow(message);
  });

  test('batches without an axis of examples are refused', () => {
    const odd: Task = { ...plain, batch: () => ({ a: ndarray([1, 2], [1, 2]), b: ndarray([1, 2, 3], [1, 3]) }) };
    const task = augmentFamily({ name: 'odd', sample: () => odd }, 'reduced-batch').sample(stream);
    expect(() => task.batch(stream, 'train', 1)).toThrow(
      'examples on the second axis of every array, got a [1, 2], b [1, 3]',
    );
  });

  test('a name is taken once', () => {
    expect(() => registerAugmentation(augmentationKinds()[0]!)).toThrow("'rescaled-weights' is registered already");
  });
});

describe('late gradients', () => {
  const bowl = createTaskFamily('quadratic', { dimensions: 1, spread: 0 });
  const RATE = 0.3;

  /** Parameters of a loop with loss ½ w², from w = 1. */
  function loop(steps: number, delay: number): number[] {
    const w = [1];
    for (let t = 0; t < steps; t++) w.push(w[t]! - RATE * w[Math.max(0, t - delay)]!);
    return w;
  }

  test.each([0, 1, 3])('a truncated step with delay %i is a loop over old parameters, restarts too', async (delay) => {
    const task: Task =
      delay === 0
        ? bowl.sample(stream)
        : augmentFamily(bowl, 'delayed-gradients', { delays: [delay, delay] }).sample(stream);
    const optimizer = createOptimizer('learnable-sgd', task.architecture, { rate: RATE });
    const step = truncatedStep(task, optimizer, { tasks: 2, length: 2, horizon: [4, 4] });
    const meta = mapValues(optimizer.initialize(stream), (x) => ({ ...x, shape: [1, ...x.shape] }) as NdArray);
    let state = await step.start(stream.split('start'), 1);
    state = { ...state, horizon: ndarray([4, 6], [2]) as typeof state.horizon };
    const found: number[][] = [];
    for (let i = 0; i < 4; i++) {
      ({ state } = await step.restart(state, stream.split('restart').split(i)));
      ({ state } = await step.run(meta, state, stream.split('run').split(i)));
      found.push(Array.from(state.params['layer1.weight']!.data));
    }
    const w = loop(8, delay);
    // The first network begins anew after four steps, the second after six.
    const wanted = [
      [w[2]!, w[2]!],
      [w[4]!, w[4]!],
      [w[2]!, w[6]!],
      [w[4]!, w[2]!],
    ];
    for (const [i, row] of wanted.entries()) for (const n of [0, 1]) expect(found[i]![n]).toBeCloseTo(row[n]!, 5);
    await step.release();
  });

  test('the loss beside a gradient is as late', async () => {
    const seen: Tensor[] = [];
    const spy: LearnedOptimizer = {
      kind: 'spy',
      settings: {},
      metaParameterCount: 0,
      initialize: () => ({}),
      start: () => ({}),
      update: (_, state, params, grads, { loss }) => {
        seen.push(tf.stack([loss!, tf.reshape(grads['w']!, [2])]));
        return { params, state };
      },
    };
    const late = delayed(spy, 2);
    const f = compile(
      (params: Tensors) => {
        seen.length = 0;
        let state = late.start(params);
        for (let t = 0; t < 5; t++) {
          const grads = { w: tf.add(tf.zeros([2, 1]), 10 * t) as Tensor };
          const context = { step: tf.fill([2], t), loss: tf.fill([2], t) as Tensor };
          ({ state } = late.update({}, state, params, grads, context));
        }
        return tf.stack(seen) as Tensor;
      },
      { threads: 1 },
    );
    const { data } = (await f({ w: ndarray([1, 1], [2, 1]) } as never)) as unknown as NdArray;
    expect(Array.from(data)).toEqual([0, 0, 0, 1, 2].flatMap((t) => [t, t, 10 * t, 10 * t]));
    await f.release();
  });

  test('no delay is the optimizer itself; half a step is refused', () => {
    const optimizer = createOptimizer('sgd', plain.architecture);
    expect(delayed(optimizer, 0)).toBe(optimizer);
    expect(() => delayed(optimizer, 0.5)).toThrow('delayed: delay must be a whole number ≥ 0, got 0.5');
  });
});
