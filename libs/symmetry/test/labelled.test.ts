import { assertClose, compile, mapValues, ndarray } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { LabelledNetwork, Space } from '@weightspace/architecture';
import {
  act,
  actTensors,
  compose,
  identityElement,
  inverse,
  isIdentity,
  permuteAxes,
  randomElement,
  stackElements,
  symmetryGroup,
  SymmetryError,
  testElements,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import {
  everything,
  fusedAttention,
  groupedConvolution,
  labelled,
  labelledNetworks,
  leaf,
  plainMlp,
  randomParams,
  stream,
} from '@weightspace/symmetry/testing';
import { slowAct } from './oracle.ts';

function expectClose(actual: NdArrays, expected: NdArrays, rtol = 1e-5): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, array] of Object.entries(expected)) assertClose(actual[name]!, array, { rtol, atol: 1e-5 });
}

const networkOf = (arrays: NdArrays, n: number): NdArrays =>
  mapValues(arrays, (a) => {
    const shape = a.shape.slice(1);
    const size = shape.reduce((x, y) => x * y, 1);
    return ndarray(a.data.slice(n * size, (n + 1) * size) as Float32Array, shape);
  });

/** The laws of an action, on one network. */
function checkLaws(network: LabelledNetwork, label: string): void {
  const group = symmetryGroup(network);
  const draws = stream(label);
  const params = randomParams(network, draws.split('params'));
  const [g, h, k] = testElements(group, draws.split('elements'), 3) as [GroupElement, GroupElement, GroupElement];
  expectClose(act(network, g, params), slowAct(network, g, params), 1e-6);
  const both = compose(g, h, network);
  expectClose(act(network, both, params), act(network, g, act(network, h, params)));
  expectClose(
    act(network, compose(both, k, network), params),
    act(network, compose(g, compose(h, k, network), network), params),
  );
  expectClose(act(network, inverse(g, network), act(network, g, params)), params);
  expectClose(act(network, compose(inverse(g, network), g, network), params), params);
  expect(isIdentity(identityElement(group))).toBe(true);
  expectClose(act(network, identityElement(group), params), params, 0);
}

describe.each(labelledNetworks)('the action on %s', (name, network) => {
  test('agrees with the slow one, composes and is undone by the inverse', () => checkLaws(network, name));
  test('gives each stacked network its own element', () => {
    const draws = stream(name);
    const params = randomParams(network, draws, 3);
    const elements = Array.from({ length: 3 }, () => randomElement(symmetryGroup(network), draws));
    const moved = act(network, elements, params);
    elements.forEach((g, n) => {
      expectClose(networkOf(moved, n), act(network, g, networkOf(params, n)), 0);
    });
  });
  test('inside traced functions is the same, compiled and eagerly', async () => {
    const draws = stream(name);
    const params = randomParams(network, draws, 2);
    const elements = Array.from({ length: 2 }, () => randomElement(symmetryGroup(network), draws));
    const expected = act(network, elements, params);
    for (const device of ['cpu', 'eager'] as const) {
      const f = compile((e: Tensors, p: Tensors) => actTensors(network, e, p), { device, threads: 1 });
      expectClose((await f(stackElements(elements, network), params)) as NdArrays, expected, 2e-6);
      await f.release();
    }
  });
});

/** A random forest of spaces, and parameters in which every parent is found: to the left, or on the first axis. */
const networks: fc.Arbitrary<LabelledNetwork> = fc
  .array(
    fc.record({
      size: fc.integer({ min: 1, max: 3 }),
      free: fc.boolean(),
      parent: fc.option(fc.nat(), { freq: 2 }),
      sign: fc.boolean(),
      scale: fc.boolean(),
      phase: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((drawn) => {
    const spaces = drawn.map(({ size, free, parent, ...has }, i): Space => {
      const within = parent === null || i === 0 ? undefined : `s${parent % i}`;
      const symmetries = { sign: has.sign, scale: has.scale && !has.phase, ...(has.phase && { phase: 0.5 }) };
      return leaf(`s${i}`, size, { free, ...symmetries, ...(within !== undefined && { within }) });
    });
    const chain = (i: number): string[] => {
      const { name, within } = spaces[i]!;
      return within === undefined ? [name] : [...chain(Number(within.slice(1))), name];
    };
    const product = fc
      .array(fc.nat(spaces.length - 1), { minLength: 1, maxLength: 2 })
      .map((picks) => picks.flatMap(chain).join('*'));
    const axis = fc.array(product, { minLength: 1, maxLength: 2 }).map((products) => products.join(' + '));
    const own = fc.tuple(axis, axis, fc.constantFrom('', ':index'));
    const across = fc.nat(spaces.length - 1).map((i): [string, string, string] => {
      const names = chain(i);
      return [names.slice(0, -1).join('*') || names[0]!, names.at(-1)!, ''];
    });
    const allParents = (axisLabel: string) =>
      axisLabel.split(' + ').every((product) => {
        const names = product.split('*');
        return names.every((name) => chain(Number(name.slice(1))).every((ancestor) => names.includes(ancestor)));
      });
    const parameters = fc.array(fc.oneof(own, across), { minLength: 1, maxLength: 3 });
    // A shift belongs to a neuron, not to a product of several, of which another one may change its sign.
    const shiftable = (axisLabel: string) =>
      axisLabel.split(' + ').every((product) => {
        const factors = product.split('*').map((name) => spaces.find((s) => s.name === name)!);
        return factors.length === 1 || factors.every(({ symmetries }) => symmetries.phase === undefined);
      });
    return parameters.map((list) =>
      labelled(
        'random',
        spaces,
        Object.fromEntries(
          list.flatMap(([out, into, role], i) => [
            [`l${i}.weight`, [`${out}${role}`, into]],
            ...(shiftable(out) && allParents(out) ? [[`l${i}.bias`, [out]]] : []),
          ]),
        ),
      ),
    );
  })
  .filter(({ parameters }) => parameters.every(({ shape }) => shape.reduce((n, size) => n * size, 1) < 3000));

describe('the action on random labelled networks', () => {
  test('agrees with the slow one, composes and is undone by the inverse', () => {
    let moving = 0;
    fc.assert(
      fc.property(networks, fc.nat(), (network, seed) => {
        moving += symmetryGroup(network).spaces.some(({ within }) => within) ? 1 : 0;
        checkLaws(network, `random ${seed}`);
      }),
      { seed: 3, numRuns: 150 },
    );
    expect(moving).toBeGreaterThan(30);
  });
  test('is the same on tensors', async () => {
    await fc.assert(
      fc.asyncProperty(networks, fc.nat(), async (network, seed) => {
        const draws = stream(`tensors ${seed}`);
        const params = randomParams(network, draws, 2);
        const elements = Array.from({ length: 2 }, () => randomElement(symmetryGroup(network), draws));
        const f = compile((e: Tensors, p: Tensors) => actTensors(network, e, p), { device: 'eager' });
        const actual = (await f(stackElements(elements, network), params)) as NdArrays;
        expectClose(actual, act(network, elements, params), 1e-5);
      }),
      { seed: 4, numRuns: 40 },
    );
  });
});

describe('families', () => {
  const group = symmetryGroup(fusedAttention);
  const params = randomParams(fusedAttention, stream('families'));
  const [g] = testElements(group, stream('families'), 1) as [GroupElement];

  test('move a head with all that is in it', () => {
    const swap = { head: { permutation: Int32Array.of(1, 0) } };
    const moved = act(fusedAttention, swap, params);
    const row = (arrays: NdArrays, i: number) => Array.from(arrays['qkv.weight']!.data.slice(4 * i, 4 * i + 4));
    // q, k: two heads of 3; v: two heads of 2.
    const expected = [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8, 14, 15, 12, 13];
    expected.forEach((from, i) => expect(row(moved, i)).toEqual(row(params, from)));
  });
  test('need the network to be composed and undone', () => {
    const message = "space 'qk' is within another one (6 numbers in orders of 3); give the network, too";
    expect(() => compose(g, g)).toThrow(`compose: ${message}`);
    expect(() => inverse(g)).toThrow(`inverse: ${message}`);
    expect(() => compose({ z: { permutation: Int32Array.of(0) } }, {}, fusedAttention)).toThrow(
      "compose: element must be of spaces of attention ('x', 'd', 'head', 'qk', 'vo', 'y'), got 'z'",
    );
  });
  test('have swaps among the test elements, odd ones in the first instance', () => {
    const swap = testElements(group, stream('swaps'), 0).find((e) => e['qk'])!;
    expect(Array.from(swap['qk']!.permutation)).toEqual([1, 0, 2, 0, 1, 2]);
  });
  test.each([
    [Int32Array.of(0, 1, 2), 'got [0, 1, 2]'],
    [Int32Array.of(0, 1, 2, 3, 4, 5), 'got [0, 1, 2, 3, 4, 5]'],
    [Int32Array.of(0, 1, 2, 0, 1, 1), 'got [0, 1, 2, 0, 1, 1]'],
  ])('refuse orders that are none of each instance (%#)', (permutation, got) => {
    const call = () => act(fusedAttention, { qk: { permutation } }, params);
    expect(call).toThrow(SymmetryError);
    expect(call).toThrow(
      `act: element of space 'qk' must have an order of its 3 neurons for each of 2 instances, ${got}`,
    );
  });
  test('fill in the identity of every instance where an element is silent', () => {
    const stacked = stackElements([{ qk: g['qk']! }, {}], fusedAttention)['qk.permutation']!;
    expect(Array.from(stacked.data.slice(6))).toEqual([0, 1, 2, 0, 1, 2]);
  });
});

describe('labels', () => {
  const identity = (network: LabelledNetwork) => () => act(network, {}, randomParams(network, stream('labels')));
  test.each([
    [
      'a parent that stands nowhere',
      labelled('n', [leaf('h', 2), leaf('n', 3, { within: 'h' })], { w: ['n'] }),
      "layoutOf: 'w' must tell which neuron of 'h' each neuron of 'n' is within, got no axis with 'h'",
    ],
    [
      'a space within one that does not exist',
      labelled('n', [leaf('n', 3, { within: 'h' })], { w: ['n'] }),
      "layoutOf: space 'n' of n must be within a space that exists, got 'h'",
    ],
    [
      'spaces within each other',
      labelled('n', [leaf('a', 3, { within: 'b' }), leaf('b', 3, { within: 'a' })], { w: ['a'] }),
      "layoutOf: space 'a' of n must not be within itself",
    ],
    [
      'a label of another size than the axis',
      { ...plainMlp, parameters: plainMlp.parameters.map((p, i) => (i === 1 ? { ...p, axes: ['h2'] } : p)) },
      "layoutOf: axis 0 of 'l1.bias' must have 5 positions as its label says, got shape [4]",
    ],
    [
      'a label that is no space',
      { ...plainMlp, parameters: plainMlp.parameters.map((p, i) => (i === 1 ? { ...p, axes: ['z'] } : p)) },
      "layoutOf: label 'z' must be of spaces, got 'z'",
    ],
  ])('are refused with %s', (_, network, message) => {
    expect(identity(network)).toThrow(SymmetryError);
    expect(identity(network)).toThrow(message);
  });
  test('give a parameter of whole numbers its order, but no sign', () => {
    const net = labelled('n', [leaf('h', 3, { sign: true })], { 'w.weight': ['h'] });
    const params = { 'w.weight': ndarray(Int32Array.of(4, 5, 6), [3]) };
    const permutation = Int32Array.of(2, 0, 1);
    expect(act(net, { h: { permutation } }, params)['w.weight']).toEqual(ndarray(Int32Array.of(6, 4, 5), [3]));
    const signs = { h: { permutation, sign: Int8Array.of(1, -1, 1) } };
    expect(() => act(net, signs, params)).toThrow(
      "act: 'w.weight' must be float32 where signs, shifts or scales change it, got int32",
    );
  });
});

describe('permuteAxes with a network', () => {
  test("does to an array with a parameter's labels what the permutations do to the parameter", () => {
    for (const network of [fusedAttention, groupedConvolution, everything]) {
      const draws = stream(`axes ${network.name}`);
      const params = randomParams(network, draws);
      const g = randomElement(symmetryGroup(network, ['permutation']), draws);
      const moved = act(network, g, params);
      for (const { name, axes, shape } of network.parameters) {
        const wide = ndarray(repeat(params[name]!.data as Float32Array, 2), [...shape, 2]);
        const expected = repeat(moved[name]!.data as Float32Array, 2);
        expect(permuteAxes(g, wide, [...axes, undefined], network).data).toEqual(expected);
      }
    }
  });
  test('says which axis does not fit', () => {
    const g = randomElement(symmetryGroup(plainMlp), stream('axis'));
    expect(() => permuteAxes(g, ndarray([1, 2], [2]), ['h1'], plainMlp)).toThrow(
      'axis 0 of array must have 4 positions as its label says, got shape [2]',
    );
  });
});

const repeat = (data: Float32Array, times: number): Float32Array =>
  Float32Array.from({ length: data.length * times }, (_, i) => data[Math.floor(i / times)]!);
