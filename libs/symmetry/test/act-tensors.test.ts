import {
  assertClose,
  compile,
  gradientError,
  mapValues,
  ndarray,
  ShapeError,
  tf,
  toTensor,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  act,
  actTensors,
  permuteAxes,
  randomElement,
  stackElements,
  symmetryGroup,
  SymmetryError,
} from '@weightspace/symmetry';

import { networks, reluNet, residualNet, sineNet, stream, tanhNet } from './networks.ts';

describe('actTensors', () => {
  test.each([
    ['sine', sineNet],
    ['tanh', tanhNet],
    ['relu', reluNet],
    ['residual', residualNet],
  ] as const)('does what act does, compiled and eagerly, on %s networks', async (_, architecture) => {
    const group = symmetryGroup(architecture);
    const params = networks(architecture, 3);
    const draws = stream('batch');
    const elements = [randomElement(group, draws), randomElement(group, draws), randomElement(group, draws)];
    const expected = act(architecture, elements, params);
    for (const device of ['cpu', 'eager'] as const) {
      const f = compile((element: Tensors, p: Tensors) => actTensors(architecture, element, p), { device, threads: 1 });
      const actual = (await f(stackElements(elements), params)) as NdArrays;
      for (const { name } of architecture.parameters)
        assertClose(actual[name]!, expected[name]!, { rtol: 1e-6, atol: 1e-7 });
    }
  });
  test('leaves alone what the element does not name', () => {
    tf.tidy(() => {
      const params = mapValues(networks(sineNet, 2), toTensor);
      const moved = actTensors(sineNet, { 'h2.sign': tf.neg(tf.ones([2, 7])) }, params);
      assertClose(moved['layer1.weight']!, params['layer1.weight']!, { rtol: 0, atol: 0 });
      assertClose(moved['layer2.bias']!, tf.neg(params['layer2.bias']!), { rtol: 0, atol: 0 });
      assertClose(moved['layer3.weight']!, tf.neg(params['layer3.weight']!), { rtol: 0, atol: 0 });
    });
  });
  test('has the gradient that differences give', () => {
    const element = mapValues(stackElements([randomElement(symmetryGroup(reluNet), stream('g')), {}]), toTensor);
    const f = (params: Record<string, Tensor>) => Object.values(actTensors(reluNet, element, params));
    expect(gradientError(f, networks(reluNet, 2))).toBeLessThan(1e-2);
  });
  test.each([
    [
      { 'h1.scale': tf.ones([2, 5]) },
      "element must be of symmetries that the free spaces ('h1', 'h2') have, got 'h1.scale'",
    ],
    [{ 'y.permutation': tf.zeros([2, 2], 'int32') }, "got 'y.permutation'"],
    [{ h1: tf.ones([2, 5]) }, "got 'h1'"],
  ])('refuses what is no symmetry of the architecture (%#)', (element, message) => {
    const params = mapValues(networks(tanhNet, 2), toTensor);
    expect(() => actTensors(tanhNet, element as unknown as Tensors, params)).toThrow(SymmetryError);
    expect(() => actTensors(tanhNet, element as unknown as Tensors, params)).toThrow(message);
  });
  test('refuses elements of another batch', () => {
    const params = mapValues(networks(tanhNet, 2), toTensor);
    const call = () => actTensors(tanhNet, { 'h1.sign': tf.ones([3, 5]) }, params);
    expect(call).toThrow(ShapeError);
    expect(call).toThrow("actTensors: element 'h1.sign' must have shape [2, 5], got [3, 5]");
  });
});

describe('stackElements', () => {
  test('fills in the identity where an element is silent', () => {
    const stacked = stackElements([{ h1: { permutation: Int32Array.of(1, 0), shift: Int32Array.of(3, -1) } }, {}]);
    expect(stacked['h1.permutation']).toEqual(ndarray(Int32Array.of(1, 0, 0, 1), [2, 2]));
    expect(stacked['h1.shift']).toEqual(ndarray([3, -1, 0, 0], [2, 2]));
    expect(Object.keys(stacked)).toEqual(['h1.permutation', 'h1.shift']);
  });
});

describe('permuteAxes', () => {
  const g = { h1: { permutation: Int32Array.of(2, 0, 1) }, h2: { permutation: Int32Array.of(1, 0) } };
  const array: NdArray = ndarray(
    Int32Array.from({ length: 24 }, (_, i) => i),
    [2, 2, 3, 2],
  );
  test('reads each axis in the order of its space and leaves the others', () => {
    const moved = permuteAxes(g, array, [undefined, 'h2', 'h1', undefined]);
    const at = (...[a, b, c, d]: number[]) => ((a! * 2 + b!) * 3 + c!) * 2 + d!;
    for (let b = 0; b < 2; b++) {
      for (let i = 0; i < 3; i++) expect(moved.data[at(1, b, i, 1)]).toBe(at(1, 1 - b, [2, 0, 1][i]!, 1));
    }
    expect(permuteAxes(g, array, [undefined, 'x', 'unknown', undefined]).data).toEqual(array.data);
  });
  test('says which axis does not fit', () => {
    expect(() => permuteAxes(g, array, ['h1', undefined, undefined, undefined])).toThrow(
      "permuteAxes: axis 0 of [2, 2, 3, 2] must have the 3 neurons of space 'h1'",
    );
    expect(() => permuteAxes(g, array, ['h2'])).toThrow(
      'permuteAxes: labels must have one entry per axis of [2, 2, 3, 2], got 1',
    );
  });
});
