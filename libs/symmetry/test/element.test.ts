import { assertClose } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  act,
  compose,
  functionError,
  identityElement,
  inverse,
  isIdentity,
  randomElement,
  symmetryGroup,
  SymmetryError,
  symmetryKinds,
  testElements,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import { networks, reluNet, residualNet, sineNet, stream, tanhNet } from './networks.ts';

const all = [
  ['sine', sineNet],
  ['tanh', tanhNet],
  ['relu', reluNet],
  ['residual', residualNet],
] as const;

function expectSame(actual: NdArrays, expected: NdArrays): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, array] of Object.entries(expected)) assertClose(actual[name]!, array, { rtol: 1e-5, atol: 1e-6 });
}

describe.each(all)('elements of %s networks', (_, architecture) => {
  const group = symmetryGroup(architecture);
  const params = networks(architecture, 1);
  const [g, h, k] = testElements(group, stream('elements')) as [GroupElement, GroupElement, GroupElement];

  test.each(symmetryKinds)('leave the function as it is by %s, where they have it', async (kind) => {
    const one = symmetryGroup(architecture, [kind]);
    if (one.spaces.length > 0) expect(await functionError(one, stream(kind))).toBeLessThan(2e-5);
  });
  test('leave the function as it is by all of them together', async () => {
    expect(await functionError(group, stream('all'))).toBeLessThan(2e-5);
  });
  test('act after one another as their composition does', () => {
    expectSame(act(architecture, compose(g, h), params), act(architecture, g, act(architecture, h, params)));
  });
  test('compose associatively, with identity and inverse', () => {
    expectSame(
      act(architecture, compose(compose(g, h), k), params),
      act(architecture, compose(g, compose(h, k)), params),
    );
    expect(compose(identityElement(group), g)).toMatchObject(g);
    expect(isIdentity(g)).toBe(false);
    expect(isIdentity(identityElement(group))).toBe(true);
    const back = compose(inverse(g), g);
    expectSame(act(architecture, back, params), params);
    expectSame(act(architecture, inverse(g), act(architecture, g, params)), params);
  });
  test('differ from call to call, and are the same for the same stream', () => {
    const [one, two] = [stream('again'), stream('again')];
    expect(randomElement(group, one)).toEqual(randomElement(group, two));
    expect(randomElement(group, one)).not.toEqual(randomElement(group, stream('again')));
  });
});

describe('composition', () => {
  test('in exact numbers: signs turn shifts round', () => {
    const g = {
      h1: { permutation: Int32Array.of(1, 2, 0), sign: Int8Array.of(-1, 1, -1), shift: Int32Array.of(1, 0, 2) },
    };
    const h = {
      h1: { permutation: Int32Array.of(2, 1, 0), sign: Int8Array.of(1, -1, -1), shift: Int32Array.of(3, 5, 7) },
    };
    expect(compose(g, h)).toEqual({
      h1: { permutation: Int32Array.of(1, 0, 2), sign: Int8Array.of(1, -1, -1), shift: Int32Array.of(-4, 7, -1) },
    });
    expect(isIdentity(compose(inverse(g), g))).toBe(true);
    expect(isIdentity(compose(g, inverse(g)))).toBe(true);
  });
  test('refuses elements of other sizes', () => {
    const g = { h1: { permutation: Int32Array.of(1, 0) } };
    const h = { h1: { permutation: Int32Array.of(1, 2, 0) } };
    expect(() => compose(g, h)).toThrow("compose: elements must be of one group, got 2 and 3 neurons of space 'h1'");
  });
  test('knows every way in which an element is not the identity', () => {
    const permutation = Int32Array.of(0, 1);
    expect(isIdentity({ h1: { permutation, sign: Int8Array.of(1, -1) } })).toBe(false);
    expect(isIdentity({ h1: { permutation, shift: Int32Array.of(0, 2) } })).toBe(false);
    expect(isIdentity({ h1: { permutation, scale: Float32Array.of(1, 2) } })).toBe(false);
  });
});

describe('testElements', () => {
  test('has a single swap for every space, which is odd', () => {
    const elements = testElements(symmetryGroup(sineNet, ['permutation']), stream('swaps'), 2);
    expect(elements.length).toBe(5);
    expect(Array.from(elements[3]!['h2']!.permutation)).toEqual([1, 0, 2, 3, 4, 5, 6]);
  });
});

describe('randomElement', () => {
  test('keeps shifts and scales within their bounds and reaches both ends', () => {
    const own = stream('bounds');
    const shifts = Array.from({ length: 60 }, () =>
      randomElement(symmetryGroup(sineNet), own, { shifts: [-1, 2] }),
    ).flatMap((g) => Object.values(g).flatMap((e) => Array.from(e.shift!)));
    expect([Math.min(...shifts), Math.max(...shifts)]).toEqual([-1, 2]);
    const scales = Array.from(randomElement(symmetryGroup(reluNet), own, { scales: [3, 4] })['h1']!.scale!);
    expect(Math.min(...scales)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...scales)).toBeLessThanOrEqual(4);
  });
});

describe('act', () => {
  const params = networks(tanhNet, 2);
  const order = (n: number) => Int32Array.from({ length: n }, (_, i) => (i + 1) % n);

  test('does to each number what the formula says', () => {
    const g = { h1: { permutation: order(5), sign: Int8Array.of(1, -1, 1, -1, 1) } };
    const moved = act(tanhNet, g, params);
    for (let n = 0; n < 2; n++) {
      for (let j = 0; j < 5; j++) {
        const s = j % 2 === 0 ? 1 : -1;
        const at = (name: string, i: number) => params[name]!.data[i]! * s;
        expect(moved['layer1.bias']!.data[n * 5 + j]).toBe(at('layer1.bias', n * 5 + ((j + 1) % 5)));
        expect(moved['layer1.weight']!.data[(n * 5 + j) * 3 + 2]).toBe(
          at('layer1.weight', (n * 5 + ((j + 1) % 5)) * 3 + 2),
        );
        expect(moved['layer2.weight']!.data[(n * 4 + 3) * 5 + j]).toBe(
          at('layer2.weight', (n * 4 + 3) * 5 + ((j + 1) % 5)),
        );
      }
    }
    expect(moved['layer3.weight']!.data).toEqual(params['layer3.weight']!.data);
  });
  test('gives each stacked network its own element, as it does to one network', () => {
    const elements = testElements(symmetryGroup(tanhNet), stream('each'), 2).slice(0, 2);
    const both = act(tanhNet, elements, params);
    elements.forEach((g, n) => {
      for (const { name, shape } of tanhNet.parameters) {
        const size = shape.reduce((a, b) => a * b, 1);
        const cut = (p: NdArrays) => p[name]!.data.slice(n * size, (n + 1) * size) as Float32Array;
        const alone = Object.fromEntries(
          tanhNet.parameters.map((p) => {
            const length = p.shape.reduce((a, b) => a * b, 1);
            const data = params[p.name]!.data.slice(n * length, (n + 1) * length) as Float32Array;
            return [p.name, { dtype: 'float32' as const, shape: p.shape, data }];
          }),
        );
        expect(cut(both)).toEqual(act(tanhNet, g, alone)[name]!.data);
      }
    });
  });
  test.each([
    [{ y: { permutation: order(2) } }, "act: element of space 'y' must be of a free space (h1, h2)"],
    [
      { h1: { permutation: order(4) } },
      "act: element of space 'h1' must have an order of its 5 neurons, got [1, 2, 3, 0]",
    ],
    [
      { h1: { permutation: Int32Array.of(0, 1, 2, 3, 3) } },
      "act: element of space 'h1' must have an order of its 5 neurons, got [0, 1, 2, 3, 3]",
    ],
    [
      { h1: { permutation: Int32Array.of(0, 1, 2, 3, 5) } },
      "act: element of space 'h1' must have an order of its 5 neurons, got [0, 1, 2, 3, 5]",
    ],
    [
      { h1: { permutation: order(5), scale: Float32Array.of(1, 2, 3, 4, 5) } },
      "act: element of space 'h1' must not have 'scale', which isn't a symmetry of tanh",
    ],
    [
      { h1: { permutation: order(5), sign: Int8Array.of(1, 1) } },
      "act: element of space 'h1' must have 5 values of 'sign', got 2",
    ],
    [
      { h1: { permutation: order(5), sign: Int8Array.of(1, 1, 0, 1, 1) } },
      "act: element of space 'h1' must have values of 'sign' that are 1 or −1, got 0 at 2",
    ],
  ] as const)('refuses an element that does not fit (%#)', (g, message) => {
    expect(() => act(tanhNet, g as GroupElement, params)).toThrow(SymmetryError);
    expect(() => act(tanhNet, g as GroupElement, params)).toThrow(message);
  });
  test('refuses a list of elements that is not one for each network', () => {
    expect(() => act(tanhNet, [{}, {}, {}], params)).toThrow('act: g must hold one element per network, got 3 for 2');
  });
});

describe('functionError', () => {
  test('finds out an action that is no symmetry', async () => {
    const group = symmetryGroup(sineNet, ['permutation']);
    const params = networks(sineNet, 2);
    const [g] = testElements(group, stream('broken'), 1) as [GroupElement];
    // An architecture that has forgotten what the third layer reads.
    const forgotten = { ...sineNet.spaces[0]!, name: 'forgotten', size: 7 };
    const parameters = sineNet.parameters.map((p, i) => (i === 4 ? { ...p, axes: ['h3', 'forgotten'] } : p));
    const architecture = { ...sineNet, spaces: [...sineNet.spaces, forgotten], parameters };
    const claimed = { ...group, architecture };
    const options = { params, elements: [g, g] };
    expect(await functionError(claimed, stream('claimed'), options)).toBeGreaterThan(0.01);
    expect(await functionError(group, stream('claimed'), options)).toBeLessThan(2e-5);
  });
});
