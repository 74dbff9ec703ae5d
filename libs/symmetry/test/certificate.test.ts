import { compile, mapValues, ndarray, sizeOf, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  act,
  assertBatchIndependence,
  assertEquivariance,
  assertInvariance,
  CertificateError,
  certifyBatchIndependence,
  certifyEquivariance,
  certifyInvariance,
  permutationGroup,
  symmetryGroup,
  testElements,
  VacuousError,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import { networks, sineNet, stream } from './networks.ts';

const input = networks(sineNet, 4);
const elements = testElements(permutationGroup(sineNet), stream('elements'), 3);
const actIn = (g: GroupElement, params: NdArrays): NdArrays => act(sineNet, g, params);
const mapData = (arrays: NdArrays, f: (x: number, i: number, name: string) => number): NdArrays =>
  mapValues(arrays, (a, name) =>
    ndarray(
      Float32Array.from(a.data as Float32Array, (x, i) => f(x, i, name)),
      a.shape,
    ),
  );

/** Rows of one number per network. */
const perNetwork =
  (f: (values: ArrayLike<number>) => number, name = 'layer2.bias') =>
  (params: NdArrays): NdArray => {
    const { data, shape } = params[name]!;
    const size = sizeOf(shape.slice(1));
    const value = (n: number) => f(data.subarray(n * size, (n + 1) * size));
    return ndarray(
      Float32Array.from({ length: shape[0]! }, (_, n) => value(n)),
      [shape[0]!, 1],
    );
  };

const cube = (params: NdArrays): NdArrays => mapData(params, (x) => x ** 3 + x);
const equivariant = { input, elements, actIn, actOut: actIn };

describe('certifyEquivariance', () => {
  test('passes a map of each number alone, and measures it in every tensor', async () => {
    const report = await certifyEquivariance({ ...equivariant, f: cube, name: 'cube' });
    expect(report).toMatchObject({ kind: 'equivariance', name: 'cube', passed: true, elements: 6, error: 0 });
    expect(report.tensors.map(({ name }) => name)).toEqual(sineNet.parameters.map(({ name }) => name));
    report.tensors.forEach(({ scale, variation }) => expect([scale > 0, variation > 0.01]).toEqual([true, true]));
  });
  test('takes a compiled function', async () => {
    const f = compile((params: Tensors) => Object.fromEntries(Object.entries(params).map(([n, t]) => [n, tf.sin(t)])), {
      threads: 1,
    });
    const report = await assertEquivariance({ ...equivariant, f: f as never, name: 'compiled' });
    expect(report.error).toBeLessThan(1e-6);
  });
  test('is not misled by a function that writes its results into the same memory', async () => {
    const memory = new Map<string, Float32Array>();
    const recycled = (params: NdArrays): NdArrays =>
      mapValues(params, (a, name) => {
        const into = memory.get(name) ?? new Float32Array(a.data.length);
        memory.set(name, into);
        a.data.forEach((x, i) => (into[i] = x * (i + 1)));
        return ndarray(into, a.shape);
      });
    await expect(assertEquivariance({ ...equivariant, f: recycled, name: 'recycled' })).rejects.toThrow(
      CertificateError,
    );
  });
  test('rejects a map that reads the position, naming the worst tensor, index and element', async () => {
    const f = (params: NdArrays) => mapData(params, (x, i) => x * (1 + i));
    const report = await certifyEquivariance({ ...equivariant, f, name: 'position' });
    expect(report.passed).toBe(false);
    const error = await assertEquivariance({ ...equivariant, f, name: 'position' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CertificateError);
    expect((error as Error).message).toMatch(
      /^position breaks equivariance: relative error \d\.\de[-+]\d, allowed 0\.00001, over 6 tries; worst in 'layer\d\.(weight|bias)' at \[[\d, ]+\], try \d \(element \d\): got \S+, expected \S+, scale \S+; broken: /,
    );
  });
  test('reports the place where the values really differ most', async () => {
    const wrongAt = 2 * 4 + 1; // network 2, neuron 1 of layer3.bias
    const f = (params: NdArrays) =>
      mapData(params, (x, i, name) => (name === 'layer3.bias' && i === wrongAt ? x + 5 : x));
    const { tensors } = await certifyEquivariance({ ...equivariant, f });
    expect(tensors.filter((t) => !t.passed).map((t) => t.name)).toEqual(['layer3.bias']);
    const { worst, error, scale } = tensors.find((t) => t.name === 'layer3.bias')!;
    expect(worst.index[0]).toBe(2);
    expect(Math.abs(worst.actual - worst.expected)).toBeCloseTo(error * scale, 4);
    expect(error * scale).toBeGreaterThan(4);
  });
  test('rejects a map that is wrong in one output tensor only, although it is small beside the others', async () => {
    const f = (params: NdArrays) =>
      mapData(params, (x, i, name) => (name === 'layer2.bias' ? 1e-6 * x * (1 + 0.01 * i) : 1e3 * x));
    const { passed, tensors } = await certifyEquivariance({ ...equivariant, f });
    expect(passed).toBe(false);
    expect(tensors.filter((t) => !t.passed).map((t) => t.name)).toEqual(['layer2.bias']);
  });
  test('tells a sign-equivariant map from one that is not', async () => {
    const signs = { ...equivariant, elements: testElements(symmetryGroup(sineNet, ['sign']), stream('signs')) };
    expect((await certifyEquivariance({ ...signs, f: cube })).passed).toBe(true);
    const square = (params: NdArrays) => mapData(params, (x) => x + x * x);
    expect((await certifyEquivariance({ ...signs, f: square })).passed).toBe(false);
    expect((await certifyEquivariance({ ...equivariant, f: square })).passed).toBe(true);
  });
  test('rejects outputs that stop being finite', async () => {
    const f = (params: NdArrays) => {
      const touched = params['layer2.bias']!.data[0] !== input['layer2.bias']!.data[0];
      return mapData(params, (x) => (touched ? NaN : x));
    };
    const report = await certifyEquivariance({ ...equivariant, f });
    expect([report.passed, report.error]).toEqual([false, Infinity]);
  });
  test('says when outputs change their shape', async () => {
    const other = (params: NdArrays): NdArrays => ({ 'layer1.bias': params['layer1.weight']! });
    const test = { ...equivariant, f: cube, actOut: (_: GroupElement, y: NdArrays) => ({ ...y, ...other(y) }) };
    await expect(certifyEquivariance(test)).rejects.toThrow(
      "certify: output 'layer1.bias' must have one shape, got [4, 5] and expected [4, 5, 3] (element 0)",
    );
  });
  test.each([
    [
      'a map that is 0 everywhere',
      { f: (p: NdArrays) => mapData(p, () => 0) },
      "output 'layer1.weight' is 0 everywhere",
    ],
    [
      'a map that is 0 in one tensor',
      { f: (p: NdArrays) => mapData(p, (x, _, n) => (n === 'layer2.bias' ? 0 : x)) },
      "output 'layer2.bias' is 0 everywhere",
    ],
    [
      'a map that is constant',
      { f: (p: NdArrays) => mapData(p, () => 3) },
      "doesn't depend on the input (it varies by 0.0e+0 of its size)",
    ],
    [
      'a map of which all but a constant is too small to be seen',
      { f: (p: NdArrays) => mapData(p, (x, i) => 1 + 1e-6 * x * i) },
      "doesn't depend on the input",
    ],
    ['a map that is not finite', { f: (p: NdArrays) => mapData(p, () => Infinity) }, 'is not finite'],
    ['a map that gives nothing', { f: () => ({}) }, 'f gives nothing'],
    [
      'an element that does nothing',
      { f: cube, actIn: (_: GroupElement, p: NdArrays) => p },
      'element 0 leaves the input as it is',
    ],
    ['no elements', { f: cube, elements: [] }, 'there is no element to try'],
    [
      'an action that moves no output',
      {
        f: (p: NdArrays) => ({ n: perNetwork((v) => v.length + Array.from(v).reduce((a, b) => a + b))(p) }),
        actOut: (_: GroupElement, y: NdArrays) => y,
      },
      'no element moves any output; use certifyInvariance',
    ],
  ])('calls %s vacuous', async (_, change, message) => {
    const call = certifyEquivariance({ ...equivariant, ...change, name: 'map' });
    await expect(call).rejects.toThrow(VacuousError);
    await expect(call).rejects.toThrow('equivariance of map: vacuous: ');
    await expect(call).rejects.toThrow(message);
  });
  test('lets a tensor be constant when told so', async () => {
    const f = (p: NdArrays) => mapData(p, (x, _, name) => (name === 'layer2.bias' ? 0 : x));
    expect((await certifyEquivariance({ ...equivariant, f, allowConstant: ['layer2.bias'] })).passed).toBe(true);
  });
});

describe('certifyInvariance', () => {
  const invariant = { input, elements, actIn };
  test('passes sums over neurons', async () => {
    const f = perNetwork((v) => Array.from(v).reduce((sum, x) => sum + Math.sin(9 * x), 0));
    const report = await assertInvariance({ ...invariant, f, name: 'sum' });
    expect(report.error).toBeLessThan(1e-6);
    expect(report.tensors[0]!.name).toBe('output');
  });
  test('rejects the first neuron', async () => {
    await expect(assertInvariance({ ...invariant, f: perNetwork((v) => v[0]!), name: 'first' })).rejects.toThrow(
      'first breaks invariance: relative error',
    );
  });
  test('rejects a map that only even permutations leave as it is', async () => {
    const vandermonde = (v: ArrayLike<number>): number => {
      let product = 1;
      for (let i = 0; i < v.length; i++) for (let j = 0; j < i; j++) product *= 20 * (v[i]! - v[j]!);
      return product;
    };
    const f = perNetwork(vandermonde, 'layer3.bias');
    const cycle: GroupElement = { h3: { permutation: Int32Array.of(1, 2, 0, 3) } };
    expect((await certifyInvariance({ ...invariant, f, elements: [cycle] })).passed).toBe(true);
    expect((await certifyInvariance({ ...invariant, f })).passed).toBe(false);
  });
  test.each([
    ['a constant', { f: perNetwork(() => 2) }, "output 'output' doesn't depend on the input"],
    ['0', { f: perNetwork(() => 0) }, "output 'output' is 0 everywhere"],
    ['no elements', { f: perNetwork((v) => v[0]!), elements: [] }, 'there is no element to try'],
  ])('calls %s vacuous', async (_, change, message) => {
    await expect(certifyInvariance({ ...invariant, ...change })).rejects.toThrow(message);
  });
});

describe('certifyBatchIndependence', () => {
  const own = perNetwork((v) => Array.from(v).reduce((a, b) => a + b * b, 0));
  test('passes a map of each network alone', async () => {
    const report = await assertBatchIndependence({ f: own, input });
    expect(report).toMatchObject({ kind: 'batch independence', passed: true, error: 0, elements: 9 });
  });
  test('passes a compiled one with a fixed batch', async () => {
    const f = compile((p: Tensors) => tf.sum(tf.sin(p['layer2.weight']!), [1, 2]) as Tensor, { threads: 1 });
    expect((await assertBatchIndependence({ f: f as never, input, anySize: false })).elements).toBe(5);
    expect(f.statistics().graphs).toBe(1);
  });
  test('rejects a map that normalizes over the batch', async () => {
    const normalized = (params: NdArrays): NdArray => {
      const y = own(params);
      const mean = (y.data as Float32Array).reduce((a, b) => a + b, 0) / y.data.length;
      return ndarray(
        Float32Array.from(y.data as Float32Array, (v) => v - 0.01 * mean),
        y.shape,
      );
    };
    await expect(assertBatchIndependence({ f: normalized, input, name: 'norm' })).rejects.toThrow(
      /^norm breaks batch independence: .* \(network \d (alone|among changed ones)\): got/,
    );
    expect((await certifyBatchIndependence({ f: normalized, input, anySize: false })).passed).toBe(false);
  });
  test('rejects a map that reads the place in the batch', async () => {
    const placed = (params: NdArrays): NdArray => {
      const y = own(params);
      return ndarray(
        Float32Array.from(y.data as Float32Array, (v, n) => v * (1 + 0.1 * n)),
        y.shape,
      );
    };
    const { passed, tensors } = await certifyBatchIndependence({ f: placed, input, anySize: false });
    expect([passed, tensors[0]!.worst.what]).toEqual([false, 'the batch backwards']);
  });
  test.each([
    ['a single network', { input: networks(sineNet, 1) }, 'there must be two or more networks, got 1'],
    ['a constant', { f: perNetwork(() => 2) }, "doesn't depend on the input"],
  ])('calls %s vacuous', async (_, change, message) => {
    const call = certifyBatchIndependence({ f: own, input, ...change, name: 'map' });
    await expect(call).rejects.toThrow(VacuousError);
    await expect(call).rejects.toThrow(message);
  });
  test('says which output has no batch axis', async () => {
    const f = (params: NdArrays) => ndarray((own(params).data as Float32Array).slice(0, 2), [2]);
    await expect(certifyBatchIndependence({ f, input })).rejects.toThrow(
      "certifyBatchIndependence: output 'output' must have 4 networks on its first axis, got [2]",
    );
  });
});
