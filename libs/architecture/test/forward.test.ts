import {
  assertClose,
  compile,
  deadInputs,
  gradientError,
  mapValues,
  ndarray,
  ParameterError,
  rows,
  ShapeError,
  tf,
  toTensor,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  activationsStacked,
  defineArchitecture,
  forward,
  forwardStacked,
  initialize,
  mlp,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import { residual, residualSpec, small, stream } from './networks.ts';

const [N, P] = [3, 6];
const params = initialize(small, stream('params'), { count: N });
const x = stream('x').uniform([P, 3], -1, 1);
const tensors = (arrays: NdArrays): Tensors => mapValues(arrays, toTensor);
const network = (arrays: NdArrays, n: number): NdArrays =>
  mapValues(arrays, (a) => ({ ...rows(a, n, n + 1), shape: a.shape.slice(1) }));

type Scalar = (z: number) => number;
/** An MLP written out in double precision. */
function slowMlp(
  sizes: readonly number[],
  own: NdArrays,
  input: readonly number[],
  sigma: Scalar,
  offset = 0,
): number[] {
  let values = [...input];
  for (let layer = 1; layer < sizes.length; layer++) {
    const [w, b] = [own[`layer${layer}.weight`]!.data, own[`layer${layer}.bias`]!.data];
    const z = Array.from({ length: sizes[layer]! }, (_, o) =>
      values.reduce((sum, v, i) => sum + w[o * values.length + i]! * v, b[o]!),
    );
    values = layer === sizes.length - 1 ? z.map((v) => v + offset) : z.map(sigma);
  }
  return values;
}
const slowAll = (sizes: readonly number[], own: NdArrays, points: NdArray, sigma: Scalar, offset = 0): NdArray => {
  const I = sizes[0]!;
  const rowsOf = Array.from({ length: points.data.length / I }, (_, p) =>
    slowMlp(sizes, own, Array.from(points.data.subarray(p * I, (p + 1) * I)), sigma, offset),
  );
  return ndarray(rowsOf.flat(), [rowsOf.length, sizes.at(-1)!]);
};

/** Abramowitz and Stegun's series of the error function; enough terms for |z| < 3 in double precision. */
function erf(z: number): number {
  let [term, sum] = [z, z];
  for (let n = 1; n < 60; n++) {
    term *= -(z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

describe('forward', () => {
  test.each([
    ['identity', (z) => z],
    ['relu', (z) => Math.max(z, 0)],
    ['leaky-relu', (z) => (z > 0 ? z : 0.01 * z)],
    ['tanh', Math.tanh],
    ['sigmoid', (z) => 1 / (1 + Math.exp(-z))],
    ['gelu', (z) => (z / 2) * (1 + erf(z / Math.SQRT2))],
    ['silu', (z) => z / (1 + Math.exp(-z))],
    ['sine', (z) => Math.sin(30 * z)],
  ] as [string, Scalar][])('agrees with a slow loop for %s', (activation, sigma) => {
    const sizes = [3, 5, 4, 2];
    const architecture = mlp({ sizes, activation: activation as 'relu', outputOffset: -0.25 });
    const own = initialize(architecture, stream(activation));
    const y = tf.tidy(() => forward(architecture, tensors(own), toTensor(x)));
    assertClose(y, slowAll(sizes, own, x, sigma, -0.25), { rtol: 1e-5, atol: 2e-6 });
  });
  test('computes residuals', () => {
    const own = initialize(residual, stream('residual'));
    const at = (name: string) => own[name]!.data;
    const y = tf.tidy(() => forward(residual, tensors(own), toTensor(x)).arraySync() as number[][]);
    for (let p = 0; p < P; p++) {
      const h = Array.from({ length: 6 }, (_, j) =>
        Math.tanh(
          [0, 1, 2].reduce((s, i) => s + at('stem.weight')[j * 3 + i]! * x.data[p * 3 + i]!, at('stem.bias')[j]!),
        ),
      );
      const s = h.map(
        (value, j) =>
          value + Math.sin(2 * h.reduce((z, v, i) => z + at('branch.weight')[j * 6 + i]! * v, at('branch.bias')[j]!)),
      );
      for (let o = 0; o < 2; o++) {
        expect(y[p]![o]).toBeCloseTo(
          s.reduce((z, v, i) => z + at('head.weight')[o * 6 + i]! * v, 0),
          5,
        );
      }
    }
  });
  test('depends on every parameter and on its input', () => {
    const own = initialize(small, stream('params'));
    const f = (t: Tensors) => forward(small, t, t['x']!);
    expect(deadInputs(f, { ...own, x })).toEqual([]);
  });
  test('has the gradient that differences give, through sines, tanh and a residual', () => {
    const gentle = mlp({ sizes: [3, 5, 4, 2], activation: { kind: 'sine', omega: 3 } });
    for (const architecture of [gentle, residual]) {
      const own = initialize(architecture, stream('gradient'));
      expect(gradientError((t) => forward(architecture, t, t['x']!), { ...own, x })).toBeLessThan(1e-2);
    }
  });
  test('leaves no tensor behind but its result', () => {
    const [own, points] = [tensors(network(params, 0)), toTensor(x)];
    const before = tf.memory().numTensors;
    forward(small, own, points);
    expect(tf.memory().numTensors - before).toBe(1);
  });
  test('takes several inputs by name', () => {
    const architecture = defineArchitecture({
      ...residualSpec,
      inputs: [
        { name: 'x', size: 3 },
        { name: 'u', size: 6 },
      ],
      layers: [residualSpec.layers[0]!, { name: 'sum', kind: 'add', inputs: ['h', 'u'], output: 'y' }],
    });
    const own = initialize(architecture, stream('two'));
    const u = stream('u').uniform([P, 6], -1, 1);
    tf.tidy(() => {
      const y = forward(architecture, tensors(own), { x: toTensor(x), u: toTensor(u) });
      const without = forward(architecture, tensors(own), { x: toTensor(x), u: tf.zeros([P, 6]) });
      assertClose(tf.sub(y, without), u, { rtol: 1e-5, atol: 1e-6 });
    });
  });
});

describe('forwardStacked', () => {
  const own = stream('own points').uniform([N, P, 3], -1, 1);
  test.each([
    ['points that all share', x],
    ['points of each network', own],
  ])('agrees with the networks one by one, compiled and eagerly, on %s', async (_, points) => {
    for (const device of ['cpu', 'eager'] as const) {
      const f = compile((p: Tensors, at: Tensor) => forwardStacked(small, p, at), { device, threads: 1 });
      const y = await f(params, points);
      expect(y.shape).toEqual([N, P, 2]);
      for (let n = 0; n < N; n++) {
        const at = points.shape.length === 2 ? points : { ...rows(points, n, n + 1), shape: [P, 3] };
        const want = slowAll([3, 5, 7, 4, 2], network(params, n), at, (z) => Math.sin(30 * z), 0.5);
        assertClose({ ...rows(y, n, n + 1), shape: [P, 2] }, want, { rtol: 1e-5, atol: 3e-6 });
      }
    }
  });
  test('has the same gradients compiled and eagerly', async () => {
    const loss = (p: Tensors) => tf.sum(tf.sin(forwardStacked(small, p, toTensor(x)))) as tf.Scalar;
    const names = Object.keys(params);
    const grads = (p: Tensors) =>
      Object.fromEntries(
        tf
          .grads((...list: Tensor[]) => loss(Object.fromEntries(names.map((n, i) => [n, list[i]!]))))(
            names.map((n) => p[n]!),
          )
          .map((g, i) => [names[i]!, g]),
      );
    const [a, b] = [await compile(grads, { threads: 1 })(params), await compile(grads, { device: 'eager' })(params)];
    for (const name of names) {
      const scale = Math.max(...Array.from(b[name]!.data, Math.abs));
      assertClose(a[name]!, b[name]!, { rtol: 1e-4, atol: 1e-5 * scale });
    }
  });
  test('computes one network, one point and no point', () => {
    tf.tidy(() => {
      const one = tensors(mapValues(params, (a) => rows(a, 0, 1)));
      expect(forwardStacked(small, one, tf.ones([1, 3])).shape).toEqual([1, 1, 2]);
      expect(forwardStacked(small, one, tf.zeros([0, 3])).shape).toEqual([1, 0, 2]);
    });
  });
  test('stays finite on inputs of ±100', () => {
    tf.tidy(() => {
      const y = forwardStacked(small, tensors(params), tf.tensor2d([100, -100, 0], [1, 3])).dataSync();
      y.forEach((value) => expect(Number.isFinite(value)).toBe(true));
    });
  });
});

describe('activationsStacked', () => {
  test.each([
    ['shared', x],
    ['own', stream('own').uniform([N, P, 3], -1, 1)],
  ])('gives every space, of which the input is the input and the output is forward: %s points', (_, points) => {
    tf.tidy(() => {
      const p = tensors(params);
      const values = activationsStacked(small, p, toTensor(points));
      expect(Object.entries(values).map(([name, t]) => [name, t.shape])).toEqual([
        ['x', [N, P, 3]],
        ['h1', [N, P, 5]],
        ['h2', [N, P, 7]],
        ['h3', [N, P, 4]],
        ['y', [N, P, 2]],
      ]);
      assertClose(values['y']!, forwardStacked(small, p, toTensor(points)), { rtol: 0, atol: 0 });
      const repeated =
        points.shape.length === 3 ? toTensor(points) : tf.tile(tf.expandDims(toTensor(points), 0), [N, 1, 1]);
      assertClose(values['x']!, repeated, { rtol: 0, atol: 0 });
      const last = tf.matMul(values['h3']!, p['layer4.weight']!, false, true);
      const want = tf.add(tf.add(last, tf.reshape(p['layer4.bias']!, [N, 1, 2])), 0.5);
      assertClose(values['y']!, want, { rtol: 1e-6, atol: 1e-6 });
    });
  });
  test('names the values of a united space apart', () => {
    const own = initialize(residual, stream('residual'), { count: 2 });
    tf.tidy(() => {
      const values = activationsStacked(residual, tensors(own), toTensor(x));
      expect(Object.keys(values)).toEqual(['x', 'h', 'b', 's', 'y']);
      assertClose(values['s']!, tf.add(values['h']!, values['b']!), { rtol: 1e-6, atol: 1e-6 });
    });
  });
});

describe('wrong parameters and inputs', () => {
  const p = tensors(params);
  const ones = (...shape: number[]) => tf.ones(shape);
  const call = (f: (a: Architecture, p: Tensors, x: Tensor) => unknown, own: Tensors, points: Tensor) => () =>
    f(small, own, points);
  const { 'layer2.bias': _, ...missing } = p;
  test.each([
    [
      call(forwardStacked, missing, ones(4, 3)),
      ParameterError,
      "forwardStacked: params must have 'layer2.bias' (siren 3-5-7-4-2), got layer1.weight, layer1.bias, layer2.weight",
    ],
    [
      call(forwardStacked, { ...p, 'layer2.bias': ones(4, 7) }, ones(4, 3)),
      ShapeError,
      "forwardStacked: params 'layer2.bias' must have shape [N=3, 7], got [4, 7]",
    ],
    [
      call(forwardStacked, { ...p, 'layer1.weight': ones(5, 3) }, ones(4, 3)),
      ShapeError,
      "forwardStacked: params 'layer1.weight' must have shape [N, 5, 3], got [5, 3]",
    ],
    [call(forwardStacked, p, ones(4, 2)), ShapeError, "forwardStacked: input 'x' must have shape [P, I=3], got [4, 2]"],
    [
      call(forwardStacked, p, ones(2, 4, 3)),
      ShapeError,
      "forwardStacked: input 'x' must have shape [N=3, P, I=3], got [2, 4, 3]",
    ],
    [
      call(activationsStacked, p, ones(3)),
      ShapeError,
      "activationsStacked: input 'x' must have shape [P, I=3], got [3]",
    ],
    [call(forward, p, ones(4, 3)), ShapeError, "forward: params 'layer1.weight' must have shape [5, 3], got [3, 5, 3]"],
    [
      call(forward, tensors(network(params, 0)), ones(3, 4, 3)),
      ShapeError,
      "forward: input 'x' must have shape [P, I=3], got [3, 4, 3]",
    ],
  ] as const)('are named (%#)', (run, kind, message) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(message);
  });
  test('are named where an input is missing', () => {
    expect(() => forwardStacked(small, p, { other: ones(4, 3) })).toThrow(
      "forwardStacked: input 'x' must have shape [P, I=3], got []",
    );
  });
});
