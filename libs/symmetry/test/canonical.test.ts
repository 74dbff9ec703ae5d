import { assertClose, mapValues, ndarray } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import type { LabelledNetwork } from '@weightspace/architecture';
import {
  act,
  canonicalForm,
  log10OrbitSize,
  permutationGroup,
  randomElement,
  symmetryGroup,
} from '@weightspace/symmetry';

import {
  everything,
  fixed,
  fusedAttention,
  labelled,
  labelledNetworks,
  leaf,
  plainMlp,
  randomParams,
  stream,
} from '@weightspace/symmetry/testing';

const change = (params: NdArrays, f: (x: number, i: number, name: string) => number): NdArrays =>
  mapValues(params, (a, name) =>
    ndarray(
      Float32Array.from(a.data as Float32Array, (x, i) => f(x, i, name)),
      a.shape,
    ),
  );

/** Makes neuron `to` of a space the same as `from`: rows, biases, columns. */
function copyNeuron(network: LabelledNetwork, params: NdArrays, axisLabel: string, from: number, to: number): NdArrays {
  return Object.fromEntries(
    network.parameters.map(({ name, axes, shape }) => {
      const data = (params[name]!.data as Float32Array).slice();
      axes.forEach((label, axis) => {
        if (label !== axisLabel) return;
        const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
        const size = shape[axis]!;
        data.forEach((_, i) => {
          const at = Math.floor(i / inner) % size;
          if (at === to) data[i] = data[i + (from - to) * inner]!;
        });
      });
      return [name, ndarray(data, shape)];
    }),
  );
}

const expectEqual = (a: NdArrays, b: NdArrays, tolerance: number): void => {
  for (const name of Object.keys(b)) assertClose(a[name]!, b[name]!, { rtol: tolerance, atol: tolerance });
};

describe.each(labelledNetworks)('canonicalForm of %s', (name, network) => {
  test('is the same, bit by bit, wherever orders and signs have taken the network', () => {
    const group = symmetryGroup(network, ['permutation', 'sign']);
    const draws = stream(`canonical ${name}`);
    const params = randomParams(network, draws);
    const form = canonicalForm(group, params);
    for (let i = 0; i < 5; i++) {
      const moved = act(network, randomElement(group, draws), params);
      expectEqual(canonicalForm(group, moved).params, form.params, 0);
    }
    expectEqual(act(network, form.elements[0]!, params), form.params, 0);
    expectEqual(canonicalForm(group, form.params).params, form.params, 0);
  });
  test('tells networks apart of which a number differs', () => {
    const group = symmetryGroup(network, ['permutation', 'sign']);
    const params = randomParams(network, stream(`differ ${name}`));
    const other = change(params, (x, i, own) => (own === network.parameters[0]!.name && i === 1 ? x + 0.5 : x));
    expect(() => expectEqual(canonicalForm(group, other).params, canonicalForm(group, params).params, 0)).toThrow();
  });
});

describe('canonicalForm', () => {
  test('is the same to rounding under scales and phases', () => {
    const group = symmetryGroup(everything);
    const draws = stream('scales');
    const params = randomParams(everything, draws);
    const form = canonicalForm(group, params).params;
    for (let i = 0; i < 5; i++) {
      const moved = act(everything, randomElement(group, draws), params);
      expectEqual(canonicalForm(group, moved).params, form, 3e-5);
    }
  });
  test('balances what goes into a neuron and what comes out of it', () => {
    const net = labelled('relu', [fixed('x', 3), leaf('h', 4, { scale: true }), fixed('y', 2)], {
      'a.weight': ['h', 'x'],
      'a.bias': ['h'],
      'b.weight': ['y', 'h'],
    });
    const { params } = canonicalForm(symmetryGroup(net), randomParams(net, stream('balance')));
    const [a, bias, b] = ['a.weight', 'a.bias', 'b.weight'].map((name) => params[name]!.data as Float32Array);
    for (let i = 0; i < 4; i++) {
      const into = a!.slice(3 * i, 3 * i + 3).reduce((sum, x) => sum + x * x, bias![i]! ** 2);
      expect(b![i]! ** 2 + b![4 + i]! ** 2).toBeCloseTo(into, 4);
    }
  });
  test('gives each of stacked networks its own', () => {
    const group = permutationGroup(plainMlp);
    const params = randomParams(plainMlp, stream('stacked'), 2);
    const { params: forms, elements } = canonicalForm(group, params);
    expect(elements.length).toBe(2);
    const one = mapValues(params, (a) => ndarray(a.data.slice(a.data.length / 2) as Float32Array, a.shape.slice(1)));
    const alone = canonicalForm(group, one).params;
    for (const name of Object.keys(alone)) {
      expect(Array.from(forms[name]!.data.slice(alone[name]!.data.length))).toEqual(Array.from(alone[name]!.data));
    }
  });
  test('is the same with equal neurons, dead ones, and equal heads', () => {
    const draws = stream('equal');
    for (const [network, label] of [
      [plainMlp, 'h1'],
      [plainMlp, 'h2'],
      [fusedAttention, 'd'],
    ] as const) {
      const group = symmetryGroup(network);
      const params = copyNeuron(network, randomParams(network, draws), label, 0, 3);
      const moved = act(network, randomElement(group, draws), params);
      expectEqual(canonicalForm(group, moved).params, canonicalForm(group, params).params, 0);
      const zero = change(params, () => 0);
      expectEqual(canonicalForm(group, zero).params, zero, 0);
    }
  });
  test('is the same where only pairs of neurons can change places together', () => {
    // a b in h1 and c d in h2 are wired like a square: (a c) (b d), else equal.
    const params = change(randomParams(square, stream('square')), (_, i, name) => squareValue(name, i));
    const group = symmetryGroup(square);
    const swap = { h1: { permutation: Int32Array.of(1, 0) } };
    const both = { ...swap, h2: { permutation: Int32Array.of(1, 0) } };
    expectEqual(act(square, both, params), params, 0);
    const form = canonicalForm(group, params).params;
    for (const g of [swap, both, { h2: both.h2 }]) {
      expectEqual(canonicalForm(group, act(square, g, params)).params, form, 0);
    }
  });
});

const square = labelled('square', [fixed('x', 1), leaf('h1', 2), leaf('h2', 2), fixed('y', 1)], {
  'a.weight': ['h1', 'x'],
  'b.weight': ['h2', 'h1'],
  'c.weight': ['y', 'h2'],
});
const squareValue = (name: string, i: number): number => (name === 'b.weight' ? [1, 2, 2, 1][i]! : 1);

describe('log10OrbitSize', () => {
  const draws = stream('orbits');
  test.each(labelledNetworks)('is the order of the group for generic parameters of %s', (_, network) => {
    const group = symmetryGroup(network, ['permutation', 'sign']);
    expect(log10OrbitSize(group, randomParams(network, draws))).toBeCloseTo(group.log10Order, 9);
  });
  test('is smaller by the orders of equal neurons', () => {
    const group = permutationGroup(plainMlp);
    let params = copyNeuron(plainMlp, randomParams(plainMlp, draws), 'h2', 0, 3);
    expect(log10OrbitSize(group, params)).toBeCloseTo(Math.log10((24 * 120) / 2), 9);
    params = copyNeuron(plainMlp, params, 'h2', 0, 4);
    params = copyNeuron(plainMlp, params, 'h1', 1, 2);
    expect(log10OrbitSize(group, params)).toBeCloseTo(Math.log10((24 * 120) / 6 / 2), 9);
    expect(
      log10OrbitSize(
        group,
        change(params, () => 0),
      ),
    ).toBeCloseTo(0, 9);
  });
  test('counts exchanges of several neurons at once, and of heads with other orders inside', () => {
    const params = change(randomParams(square, draws), (_, i, name) => squareValue(name, i));
    expect(log10OrbitSize(permutationGroup(square), params)).toBeCloseTo(Math.log10(4 / 2), 9);
    const heads = permutationGroup(headsOnly);
    const one = randomParams(headsOnly, draws);
    expect(log10OrbitSize(heads, one)).toBeCloseTo(heads.log10Order, 9);
    // The second head is the first with its three neurons in another order.
    const order = [2, 0, 1];
    const same = change(one, (x, i, name) => (i < 3 ? x : one[name]!.data[order[i - 3]!]!));
    expect(log10OrbitSize(heads, same)).toBeCloseTo(heads.log10Order - Math.log10(2), 9);
  });
  test('counts signs of dead neurons', () => {
    const net = labelled('tanh', [fixed('x', 2), leaf('h', 3, { sign: true }), fixed('y', 2)], {
      'a.weight': ['h', 'x'],
      'b.weight': ['y', 'h'],
    });
    const group = symmetryGroup(net);
    const params = randomParams(net, draws);
    expect(log10OrbitSize(group, params)).toBeCloseTo(Math.log10(6 * 8), 9);
    const dead = change(params, (x, i, name) => (name === 'a.weight' ? (i < 2 ? 0 : x) : i % 3 === 0 ? 0 : x));
    expect(log10OrbitSize(group, dead)).toBeCloseTo(Math.log10(6 * 4), 9);
    const opposite = change(params, (x, i, name) =>
      name === 'a.weight' ? (i < 2 ? -params[name]!.data[i + 2]! : x) : i % 3 === 0 ? -params[name]!.data[i + 1]! : x,
    );
    expect(log10OrbitSize(group, opposite)).toBeCloseTo(Math.log10((6 * 8) / 2), 9);
  });
  test('is infinite where scales or phases change anything', () => {
    expect(log10OrbitSize(symmetryGroup(everything), randomParams(everything, draws))).toBe(Infinity);
    const net = labelled('relu', [fixed('x', 2), leaf('h', 3, { scale: true })], { 'a.weight': ['h', 'x'] });
    expect(log10OrbitSize(symmetryGroup(net), randomParams(net, draws))).toBe(Infinity);
    expect(
      log10OrbitSize(
        symmetryGroup(net),
        change(randomParams(net, draws), () => 0),
      ),
    ).toBe(0);
  });
});

const headsOnly = labelled('heads', [leaf('head', 2), leaf('n', 3, { within: 'head' })], {
  'a.weight': ['head*n'],
  'b.weight': ['head*n'],
});
