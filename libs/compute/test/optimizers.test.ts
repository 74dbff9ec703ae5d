import { readFileSync } from 'node:fs';

import {
  adam,
  adamW,
  assertClose,
  clipByGlobalNorm,
  clipByValue,
  compile,
  fromTensor,
  globalNorm,
  mapValues,
  ndarray,
  ParameterError,
  RandomStream,
  sameBits,
  scalar,
  sgd,
  ShapeError,
  tf,
  toTensor,
} from '@weightspace/compute';
import type { Compiled, NdArrays, Optimizer, Tensors } from '@weightspace/compute';
import { beforeAll, describe, expect, test } from 'vitest';

type Values = Record<string, number[]>;
interface Reference {
  readonly shapes: Values;
  readonly start: Values;
  readonly rates: number[];
  readonly grads: Values[];
  readonly paths: Record<string, Values[]>;
  readonly clipByGlobalNorm: Record<string, { readonly norm: number; readonly grads: Values }>;
  readonly clipByValue: Values;
}

/** Made by fixtures/optimizers.py with PyTorch. */
const reference = JSON.parse(readFileSync(new URL('./fixtures/optimizers.json', import.meta.url), 'utf8')) as Reference;
const arrays = (values: Values): NdArrays => mapValues(values, (list, name) => ndarray(list, reference.shapes[name]!));
const tensors = (values: Values): Tensors => mapValues(arrays(values), toTensor);
const makers = { sgd, adam, adamW };
const optimizerOf = (name: string): Optimizer => {
  const [kind, options] = name.split(' ') as [keyof typeof makers, string];
  return makers[kind](JSON.parse(options) as object);
};
const PYTORCH = { rtol: 1e-6, atol: 1e-7 };

beforeAll(() => tf.setBackend('cpu'));

describe.each(Object.keys(reference.paths))('%s', (name) => {
  const path = reference.paths[name]!;
  const optimizer = optimizerOf(name);

  test('moves as PyTorch does, op by op', () => {
    let params = tensors(reference.start);
    let state: Tensors = mapValues(optimizer.init(arrays(reference.start)), toTensor);
    path.forEach((expected, step) => {
      ({ params, state } = optimizer.update(tensors(reference.grads[step]!), state, params, reference.rates[step]!));
      for (const [key, array] of Object.entries(arrays(expected))) assertClose(params[key]!, array, PYTORCH);
    });
  });

  test('moves as PyTorch does, compiled', async () => {
    const step = (grads: Tensors, state: Tensors, params: Tensors, rate: tf.Tensor) =>
      optimizer.update(grads, state, params, rate);
    const update = compile(step as never) as unknown as Compiled<
      Parameters<typeof step>,
      { params: Tensors; state: Tensors }
    >;
    let params = arrays(reference.start);
    let state = optimizer.init(params);
    for (const [i, expected] of path.entries()) {
      ({ params, state } = await update(arrays(reference.grads[i]!), state, params, scalar(reference.rates[i]!)));
      for (const [key, array] of Object.entries(arrays(expected))) assertClose(params[key]!, array, PYTORCH);
    }
    await update.release();
  });

  test('keeps a state of the same names and shapes, and leaves no other tensor behind', () => {
    const [params, grads] = [tensors(reference.start), tensors(reference.grads[0]!)];
    const state = mapValues(optimizer.init(arrays(reference.start)), toTensor);
    const before = tf.memory().numTensors;
    const next = optimizer.update(grads, state, params, 0.1);
    expect(tf.memory().numTensors - before).toBe(Object.keys(params).length + Object.keys(state).length);
    expect(mapValues(next.state, (t) => t.shape)).toEqual(mapValues(state, (t) => t.shape));
    expect(mapValues(next.params, (t) => t.shape)).toEqual(mapValues(params, (t) => t.shape));
  });
});

describe('adamW', () => {
  const params = { w: ndarray([1, 2, 3], [3]) };
  const optimizer = adamW({ amsgrad: true });

  test('names its state after the parameters', () => {
    expect(Object.keys(optimizer.init(params))).toEqual(['step', 'm.w', 'v.w', 'vmax.w']);
    expect(Object.keys(adamW().init(params))).toEqual(['step', 'm.w', 'v.w']);
  });

  test('takes a rate that is a scalar tensor as it takes a number', () => {
    const state = mapValues(optimizer.init(params), toTensor);
    const [p, g] = [mapValues(params, toTensor), { w: tf.tensor1d([0.5, -1, 0]) }];
    const [byNumber, byTensor] = [0.25, tf.scalar(0.25)].map((rate) =>
      fromTensor(optimizer.update(g, state, p, rate).params['w']!),
    );
    expect(byTensor).toEqual(byNumber);
  });

  test('still moves by the rate after ten million steps', () => {
    const state = { ...mapValues(adamW({ weightDecay: 0 }).init(params), toTensor), step: tf.scalar(1e7) };
    const steady = { ...state, 'm.w': tf.fill([3], 0.5 / (1 - 0.9)), 'v.w': tf.fill([3], 0.25 / (1 - 0.999)) };
    const moved = adamW({ weightDecay: 0 }).update(
      { w: tf.fill([3], 0.5) },
      steady,
      mapValues(params, toTensor),
      0.125,
    );
    assertClose(moved.params['w']!, ndarray([0.875, 1.875, 2.875], [3]), { rtol: 1e-6, atol: 0 });
  });

  test('does the published step at sizes from 1e-18 to 1e15', () => {
    const grads = [1e-18, 1e-3, 1e15];
    const state = mapValues(adamW().init(params), toTensor);
    const { w } = adamW({ weightDecay: 0, epsilon: 0 }).update(
      { w: tf.tensor1d(grads) },
      state,
      mapValues(params, toTensor),
      0.5,
    ).params;
    assertClose(w!, ndarray([0.5, 1.5, 2.5], [3]), { rtol: 1e-6, atol: 0 });
  });
});

test.each(['adamW {"amsgrad":true}', 'adam {"weightDecay":0.1}'])(
  '%s moves small arrays together as alone',
  async (name) => {
    const shapes = { a: [3], b: [], c: [2, 5], d: [7], e: [4, 5], f: [0, 5], g: [100, 90], h: [2, 90], i: [1, 2, 5] };
    const stream = RandomStream.fromSeed(3);
    const [start, slopes] = ['p', 'g'].map((label) =>
      mapValues(shapes, (shape, key) => stream.split(label + key).normal(shape)),
    ) as [NdArrays, NdArrays];
    const optimizer = optimizerOf(name);
    const compiled = () =>
      compile(((g: Tensors, s: Tensors, p: Tensors) => optimizer.update(g, s, p, 0.1)) as never) as unknown as (
        ...args: readonly NdArrays[]
      ) => Promise<{ params: NdArrays; state: NdArrays }>;
    const twice = async (params: NdArrays, grads: NdArrays) => {
      const step = compiled();
      const { params: first, state } = await step(grads, optimizer.init(params), params);
      return step(grads, state, first);
    };
    const together = await twice(start, slopes);
    expect(Object.keys(together.state)).toEqual(Object.keys(optimizer.init(start)));
    for (const key of Object.keys(shapes)) {
      const alone = await twice({ [key]: start[key]! }, { [key]: slopes[key]! });
      expect(sameBits({ [key]: together.params[key]! }, alone.params), key).toBe(true);
      const own = mapValues(alone.state, (_, part) => together.state[part]!);
      expect(sameBits(own, alone.state), key).toBe(true);
    }
  },
);

describe('an update with wrong arguments', () => {
  const params = { w: tf.zeros([3, 2]), b: tf.zeros([3]) };
  const state = mapValues(
    adam().init({ w: ndarray(new Float32Array(6), [3, 2]), b: ndarray(new Float32Array(3), [3]) }),
    toTensor,
  );
  const grads = { w: tf.ones([3, 2]), b: tf.ones([3]) };
  const { step: _step, ...withoutStep } = state;

  test.each<[string, () => unknown, typeof Error | typeof ParameterError | typeof ShapeError, string]>([
    [
      'a gradient is missing',
      () => adam().update({ w: grads.w }, state, params, 1),
      ParameterError,
      "adam: grads must have 'b', as params do, got w",
    ],
    [
      'a gradient is one too many',
      () => sgd().update({ ...grads, c: grads.b }, {}, params, 1),
      ParameterError,
      "sgd: grads must have only the names of params (w, b), got 'c'",
    ],
    [
      'a gradient has another shape',
      () => adamW().update({ ...grads, w: tf.ones([2, 3]) }, state, params, 1),
      ShapeError,
      "adamW: grads 'w' must have shape [3, 2], got [2, 3]",
    ],
    [
      'a moment has another shape',
      () => adam().update(grads, { ...state, 'v.b': tf.zeros([4]) }, params, 1),
      ShapeError,
      "adam: state 'v.b' must have shape [3], got [4]; take the state from init(params) of this optimizer, or from its last update",
    ],
    [
      'the state is of another optimizer',
      () => adam({ amsgrad: true }).update(grads, state, params, 1),
      RangeError,
      "adam: state must have 'vmax.w', got step, m.w, m.b, v.w, v.b; take the state from init(params)",
    ],
    [
      'the state lacks its step',
      () => adam().update(grads, withoutStep, params, 1),
      RangeError,
      "adam: state must have 'step', got m.w, m.b, v.w, v.b",
    ],
    [
      'momentum has no state',
      () => sgd({ momentum: 0.5 }).update(grads, {}, params, 1),
      RangeError,
      "sgd: state must have 'm.w', got nothing",
    ],
    [
      'the rate is a list',
      () => sgd().update(grads, {}, params, tf.zeros([2])),
      ShapeError,
      'sgd: rate must have shape [], got [2]; pass one learning rate as a scalar',
    ],
  ])('says that %s', (_, act, kind, message) => {
    expect(act).toThrow(kind);
    expect(act).toThrow(message);
  });

  test.each([
    [() => sgd({ momentum: 1 }), 'sgd: momentum must be in [0, 1), got 1'],
    [() => sgd({ nesterov: true }), 'sgd: momentum must be above 0 with nesterov, got 0'],
    [() => sgd({ weightDecay: -0.5 }), 'sgd: weightDecay must be a finite number ≥ 0, got -0.5'],
    [() => adam({ beta1: NaN }), 'adam: beta1 must be in [0, 1), got NaN'],
    [() => adamW({ beta2: -0.1 }), 'adamW: beta2 must be in [0, 1), got -0.1'],
    [() => adam({ epsilon: Infinity }), 'adam: epsilon must be a finite number ≥ 0, got Infinity'],
    [() => adamW({ weightDecay: -1 }), 'adamW: weightDecay must be a finite number ≥ 0, got -1'],
    [() => clipByGlobalNorm({}, 0), 'clipByGlobalNorm: max must be above 0, got 0'],
    [() => clipByValue({}, -3), 'clipByValue: max must be above 0, got -3'],
  ])('refuses options out of range (%#)', (act, message) => {
    expect(act).toThrow(new RangeError(message + (message.includes('nesterov') ? '; set it, e.g. to 0.9' : '')));
  });
});

describe('clipByGlobalNorm', () => {
  const grads = tensors(reference.grads[0]!);

  test.each(Object.keys(reference.clipByGlobalNorm))('clips to %s as PyTorch does', (max) => {
    const expected = reference.clipByGlobalNorm[max]!;
    const clipped = clipByGlobalNorm(grads, Number(max));
    assertClose(clipped.norm, scalar(expected.norm), { rtol: 1e-6, atol: 0 });
    for (const [name, array] of Object.entries(arrays(expected.grads)))
      assertClose(clipped.grads[name]!, array, PYTORCH);
  });

  test('has PyTorch’s 1e-6 beside the norm', () => {
    const { grads: clipped } = clipByGlobalNorm({ a: tf.tensor1d([0, -1e-6]) }, 1e-6);
    assertClose(clipped['a']!, ndarray([0, -5e-7], [2]), { rtol: 1e-6, atol: 0 });
  });

  test('shows a NaN in the norm', () => {
    const { norm } = clipByGlobalNorm({ ...grads, c: tf.tensor1d([1, NaN]) }, 1);
    expect(norm.dataSync()[0]).toBeNaN();
  });

  test('takes a record without gradients', () => {
    expect(fromTensor(clipByGlobalNorm({}, 1).norm)).toEqual(scalar(0));
    expect(fromTensor(globalNorm({ a: tf.tensor1d([3]), b: tf.scalar(-4) }))).toEqual(scalar(5));
  });

  test('leaves no tensor behind but its results', () => {
    const before = tf.memory().numTensors;
    clipByGlobalNorm(grads, 1.5);
    expect(tf.memory().numTensors - before).toBe(Object.keys(grads).length + 1);
  });
});

describe('clipByValue', () => {
  test('clips as PyTorch does', () => {
    const clipped = clipByValue(tensors(reference.grads[0]!), 0.25);
    for (const [name, array] of Object.entries(arrays(reference.clipByValue)))
      assertClose(clipped[name]!, array, PYTORCH);
  });
});
