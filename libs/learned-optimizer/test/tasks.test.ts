import { mlp } from '@weightspace/architecture';
import { compile, ndarray, RandomStream, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import {
  checkTask,
  createTaskFamily,
  quadratics,
  registerTaskFamily,
  taskFamilyKinds,
} from '@weightspace/learned-optimizer';
import type { Settings, Task } from '@weightspace/learned-optimizer';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(1);
const sample = (kind: string, settings: Settings = {}) => createTaskFamily(kind, settings).sample(stream.split('task'));

/** Small settings of each kind, by which every family in the registry is checked. */
const cases: { readonly [kind: string]: readonly Settings[] } = {
  quadratic: [{}, { dimensions: 3, condition: 100, noise: 0.1 }],
  'image-mlp': [{}, { set: 'mnist' }, { side: 28, batch: 16 }, { set: 'mnist', side: 28, hidden: [16, 16], batch: 16 }],
  'mlp-family': [{ batch: 32 }],
  'image-cnn': [
    { channels: [4, 6], batch: 16 },
    { set: 'mnist', side: 8, channels: [4], norm: 'layer-norm', pool: 'flatten', batch: 16 },
    { side: 28, channels: [3, 4], norm: 'instance-norm', pool: 'max', activation: 'tanh', batch: 8 },
  ],
  'cnn-family': [{ sides: [8], batch: 16 }],
  autoencoder: [{ batch: 16 }, { set: 'mnist', side: 8, hidden: [4], activation: 'tanh', batch: 16 }],
  'autoencoder-family': [{ sides: [8], batch: 16 }],
  'inr-fitting': [{}, { set: 'fashion-mnist', side: 8, hidden: [8], omega: 10, init: 'dws-siren', images: 'test' }],
  'inr-family': [{ batch: 32 }],
  'rnn-language': ['rnn', 'irnn', 'gru', 'lstm'].map((cell, i) => ({
    cell,
    embedding: 4,
    hidden: i === 0 ? [8, 6] : [8],
    length: 8,
    batch: 8,
  })),
  'rnn-language-family': [{ embeddings: [4, 8], widths: [8, 16], lengths: [4, 8], batch: 8 }],
  'transformer-language': [
    { width: 8, heads: 2, length: 8, batch: 8 },
    { width: 6, depth: 1, heads: 3, activation: 'relu', length: 4, batch: 8 },
  ],
  'transformer-language-family': [{ lengths: [4, 8], batch: 8 }],
};

describe('task families', () => {
  test('all in the registry are checked', () => {
    expect(taskFamilyKinds().map(({ kind }) => kind)).toEqual(Object.keys(cases));
  });

  test.each(Object.entries(cases).flatMap(([kind, list]) => list.map((settings) => [kind, settings] as const)))(
    '%s %j passes the conformance checks',
    async (kind, settings) => {
      const report = await checkTask(sample(kind, settings));
      expect(report.after).toBeLessThan(report.before);
      expect(report.checked).toHaveLength(8);
    },
  );

  test('the published task has 2,410 parameters, batches of 128 and a loss of log 10 at the start', async () => {
    const task = sample('image-mlp');
    expect(task.architecture.parameterCount).toBe(64 * 32 + 32 + 32 * 10 + 10);
    const batch = task.batch(stream.split('b'), 'train', 2);
    expect(batch['inputs']!.shape).toEqual([2, 128, 64]);
    expect(Math.max(...batch['inputs']!.data)).toBeLessThanOrEqual(1);
    expect(Math.min(...batch['inputs']!.data)).toBeGreaterThanOrEqual(0);
    const loss = compile((p: Tensors, b: Tensors) => task.loss(p, b), { threads: 1 });
    const zero = Object.fromEntries(
      task.architecture.parameters.map(({ name, shape }) => [
        name,
        ndarray(new Float32Array(2 * shape.reduce((a, b) => a * b, 1)), [2, ...shape]),
      ]),
    );
    const { data } = (await loss(zero as never, batch as never)) as unknown as NdArray;
    expect(data[0]).toBeCloseTo(Math.log(10), 5);
  });

  test('a family draws other tasks for other streams, and the same for the same', () => {
    const family = createTaskFamily('mlp-family', { widths: [8, 16], depths: [1, 2] });
    const names = [...Array(40).keys()].map((i) => family.sample(stream.split(i)).name);
    expect(new Set(names).size).toBeGreaterThan(20);
    expect(family.sample(stream.split(3)).name).toBe(names[3]);
    const widths = new Set(names.map((name) => Number(/mlp 64-(\d+)/.exec(name)![1])));
    expect(Math.min(...widths)).toBe(8);
    expect(Math.max(...widths)).toBe(16);
  });

  test('the loss of a quadratic is that of a loop, and 0 at its optimum', async () => {
    const task = quadratics({ dimensions: 3, condition: 100, noise: 0, spread: 0 }).sample(stream);
    const loss = compile((p: Tensors) => task.loss(p, {}), { threads: 1 });
    const w = ndarray([1, 2, 3, 0, 0, 0], [2, 1, 3]);
    const { data } = (await loss({ 'layer1.weight': w } as never)) as unknown as NdArray;
    expect(data[0]).toBeCloseTo(0.5 * (1 * 1 + 0.1 * 4 + 0.01 * 9), 5);
    expect(data[1]).toBe(0);
  });

  test.each([
    ['quadratic', { dimensions: 0 }, 'quadratic: dimensions must be a whole number ≥ 1, got 0'],
    ['quadratic', { condition: -1 }, 'quadratic: condition must be a finite number above 0, got -1'],
    ['quadratic', { noise: -1 }, 'quadratic: noise must be a finite number ≥ 0, got -1'],
    ['quadratic', { size: 1 }, "quadratic: has no setting 'size'; it has dimensions, condition, noise, spread"],
    ['quadratic', { noise: 'much' }, 'quadratic: setting \'noise\' must be like 0, got "much"'],
    ['image-mlp', { set: 'cats' }, 'image-mlp: set: imageSetReader: name must be one of mnist, fashion-mnist'],
    ['image-mlp', { side: 29 }, 'image-mlp: side must be a whole number from 1 to 28 (fashion-mnist), got 29'],
    ['image-mlp', { hidden: [8, 0] }, 'image-mlp: hidden[1] must be a whole number ≥ 1, got 0'],
    ['image-mlp', { init: 'ones' }, 'image-mlp: init must be of siren'],
    ['mlp-family', { widths: [3] }, 'mlp-family: widths must be two rising whole numbers ≥ 1, got [3]'],
    ['mlp-family', { activations: ['step'] }, 'mlp-family: activations must be of'],
    ['mlp-family', { sets: [] }, 'mlp-family: sets must not be empty'],
    ['cubic', {}, 'task family: kind must be one of quadratic, image-mlp, mlp-family, image-cnn'],
  ] as readonly (readonly [string, Settings, string])[])('%s with %j is refused', (kind, settings, message) => {
    expect(() => createTaskFamily(kind, settings).sample(stream)).toThrow(message);
  });

  test('a name is taken once', () => {
    expect(() => registerTaskFamily(taskFamilyKinds()[0]!)).toThrow(
      "register: task family 'quadratic' is registered already; rename it",
    );
  });
});

describe('checkTask', () => {
  const good = sample('image-mlp', { hidden: [8], batch: 16 });
  const zero = (arrays: NdArrays): NdArrays =>
    Object.fromEntries(Object.entries(arrays).map(([n, a]) => [n, ndarray(new Float32Array(a.data.length), a.shape)]));
  const wide = mlp({ sizes: [64, 9, 10] });
  const broken: readonly (readonly [string, Partial<Task>, string])[] = [
    ['starts that change', { initialize: randomly((s, n) => good.initialize(s, n)) }, 'the same for the same stream'],
    ['too few networks', { initialize: (s) => good.initialize(s, 2) }, 'initialize must give 3 networks, got 2'],
    ['starts of another architecture', { architecture: wide }, "params 'layer1.weight' must have shape [N, 9, 64]"],
    ['batches that change', { batch: randomly((s, n) => good.batch(s, 'train', n)) }, 'batch must give the same'],
    ['one batch for all', { batch: (s, p) => good.batch(s, p, 1) }, 'must have 3 networks on its first axis'],
    ['the same data for testing', { batch: (s, _, n) => good.batch(s, 'train', n) }, 'other data for validation'],
    ['another size for testing', { batch: (s, p, n) => resized(good.batch(s, p, n), p) }, 'must have the shapes'],
    ['no finite scale', { normalize: (loss) => loss }, 'normalize must be finite for any loss, got -Infinity'],
    ['a scale that falls', { normalize: (loss) => good.normalize(tf.neg(loss)) }, 'must not fall'],
    ['a scale without a difference', { normalize: (loss) => tf.zerosLike(loss) }, 'must tell losses apart'],
    ['a loss of all', { loss: (p, b) => tf.mean(good.loss(p, b)) }, 'loss must have shape [3], got []'],
    ['NaN', { loss: (p, b) => tf.log(tf.neg(good.loss(p, b))) }, 'loss must be finite at the start, got NaN'],
    ['company', { loss: (p, b) => tf.add(good.loss(p, b), tf.mean(good.loss(p, b))) }, 'not depend on the others'],
    ['a dead parameter', { loss: (p, b) => good.loss({ ...p, 'layer2.bias': tf.zeros([3, 10]) }, b) }, "'layer2.bias'"],
    ['an order', { loss: (p, b) => tf.add(good.loss(p, b), first(p)) }, 'not depend on the order of hidden neurons'],
    [
      'nothing to learn',
      { loss: (p, b) => tf.neg(good.loss(p, b)), initialize: (s, n) => zero(good.initialize(s, n)) },
      'every parameter must have a gradient',
    ],
    ['a flipped gradient', { loss: flipped }, 'must lower the loss'],
    ['metrics of all', { metrics: () => ({ one: tf.scalar(1) }) }, "metric 'one' must have shape [3], got []"],
  ];
  function first(p: Tensors) {
    return tf.slice(tf.reshape(p['layer1.weight']!, [3, 512]), [0, 0], [3, 1]).reshape([3]);
  }
  /** The value of the loss with the gradient of its opposite. */
  function flipped(p: Tensors, b: Tensors) {
    const loss = good.loss(p, b);
    const fixed = tf.customGrad((...x) => {
      const value = x[0] as tf.Tensor;
      return { value: tf.mul(value, 1), gradFunc: (dy: tf.Tensor) => [tf.neg(dy)] };
    });
    return fixed(loss);
  }
  function resized(batch: NdArrays, part: string): NdArrays {
    if (part !== 'test') return batch;
    const { data, shape } = batch['labels']!;
    return { ...batch, labels: ndarray(Float32Array.from(data), shape) };
  }
  function randomly(f: (s: RandomStream, n: number) => NdArrays) {
    let calls = 0;
    return (s: RandomStream, ...rest: unknown[]) => f(s.split(calls++), rest.at(-1) as number);
  }

  test('passes the task that the others are made of', async () => {
    await checkTask(good);
  });

  test.each(broken)('fails for %s', async (_, change, message) => {
    await expect(checkTask({ ...good, ...change }, { steps: 10 })).rejects.toThrow(message);
  });
});
