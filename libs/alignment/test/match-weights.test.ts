import { mapValues, ndarray } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { matchWeights } from '@weightspace/alignment';
import { describe, expect, test } from 'vitest';

import type { LabelledNetwork } from '@weightspace/architecture';
import { act, compose, identityElement, permutationGroup, randomElement, symmetryGroup } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import {
  everything,
  fixed,
  groupedQuery,
  labelled,
  labelledNetworks,
  leaf,
  plainMlp,
  randomParams,
  stream,
} from '@weightspace/symmetry/testing';

const noisy = (params: NdArrays, draws: RandomStream, size: number): NdArrays =>
  mapValues(params, (a) =>
    ndarray(
      Float32Array.from(a.data as Float32Array, (x) => x + size * draws.normalPair()[0]),
      a.shape,
    ),
  );

function distance(a: NdArrays, b: NdArrays): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(a)) data.forEach((x, i) => (sum += (x - b[name]!.data[i]!) ** 2));
  return Math.sqrt(sum);
}

describe.each(labelledNetworks)('matchWeights on %s', (name, network) => {
  const group = symmetryGroup(network, ['permutation', 'sign']);
  test('finds the element that made one network of the other', async () => {
    const draws = stream(`match ${name}`);
    const params = randomParams(network, draws);
    const moved = act(network, randomElement(group, draws), params);
    const match = await matchWeights(group, moved, params);
    expect(match.distance).toBe(0);
    expect(match.distanceBefore).toBeCloseTo(distance(moved, params), 4);
    expect(match.distanceBefore).toBeGreaterThan(1);
    expect(distance(act(network, match.element, params), moved)).toBe(0);
  });
  test('finds it through noise, which is what is left of the distance', async () => {
    const draws = stream(`noise ${name}`);
    const params = randomParams(network, draws);
    const other = noisy(params, draws, 0.02);
    const moved = act(network, randomElement(group, draws), other);
    const match = await matchWeights(group, moved, params);
    expect(match.distance).toBeCloseTo(distance(other, params), 4);
    expect(match.relative).toBeGreaterThan(0.005);
    expect(match.relative).toBeLessThan(0.04);
  });
});

/** All elements of a permutation group of plain spaces and families, one space after another. */
function allElements(network: LabelledNetwork): GroupElement[] {
  const group = permutationGroup(network);
  return group.spaces.reduce<GroupElement[]>(
    (all, { name, size, within }) => {
      const orders = Array.from({ length: within?.instances ?? 1 }).reduce<number[][]>(
        (lists) => lists.flatMap((list) => permutations(size).map((order) => [...list, ...order])),
        [[]],
      );
      return all.flatMap((g) => orders.map((order) => ({ ...g, [name]: { permutation: Int32Array.from(order) } })));
    },
    [identityElement(group)],
  );
}

const permutations = (n: number): number[][] =>
  n === 0
    ? [[]]
    : permutations(n - 1).flatMap((p) => Array.from({ length: n }, (_, i) => [...p.slice(0, i), n - 1, ...p.slice(i)]));

describe('matchWeights', () => {
  test.each([
    ['one layer', labelled('one', [fixed('x', 3), leaf('h', 5), fixed('y', 2)], { a: ['h', 'x'], b: ['y', 'h'] }), 1],
    [
      'heads',
      labelled('heads', [fixed('x', 2), leaf('g', 2), leaf('n', 3, { within: 'g' })], {
        a: ['g*n', 'x'],
        b: ['x', 'g'],
      }),
      1,
    ],
    ['grouped query attention', groupedQuery, 1.25],
  ])('is as near as the nearest of all elements, of %s with unrelated parameters', async (_, network, slack) => {
    const draws = stream('unrelated');
    for (let i = 0; i < 3; i++) {
      const [a, b] = [randomParams(network, draws.split(`a${i}`)), randomParams(network, draws.split(`b${i}`))];
      const least = Math.min(...allElements(network).map((g) => distance(a, act(network, g, b))));
      const match = await matchWeights(permutationGroup(network), a, b);
      expect(match.distance).toBeGreaterThan(least * 0.99999);
      expect(match.distance).toBeLessThan(least * slack + 1e-5);
    }
  });
  test('sees through scales and phases', async () => {
    const group = symmetryGroup(everything);
    const draws = stream('match all');
    const params = randomParams(everything, draws);
    for (let i = 0; i < 3; i++) {
      const moved = act(everything, randomElement(group, draws), params);
      const match = await matchWeights(group, moved, params);
      expect(match.relative).toBeLessThan(1e-5);
      expect(match.distanceBefore).toBeGreaterThan(1);
    }
  });
  test('is far for other networks, and for the same through a symmetry that the group has not', async () => {
    const draws = stream('other');
    const params = randomParams(plainMlp, draws);
    const group = permutationGroup(plainMlp);
    expect((await matchWeights(group, params, randomParams(plainMlp, draws.split('b')))).relative).toBeGreaterThan(0.3);
    const negative = mapValues(params, (a, name) =>
      name.startsWith('l1')
        ? ndarray(
            Float32Array.from(a.data as Float32Array, (x) => -x),
            a.shape,
          )
        : a,
    );
    expect((await matchWeights(group, params, negative)).relative).toBeGreaterThan(0.3);
  });
  test('takes wide layers through ONNX Runtime', async () => {
    const wide = labelled('wide', [fixed('x', 20), leaf('h1', 160), leaf('h2', 170), fixed('y', 5)], {
      'a.weight': ['h1', 'x'],
      'b.weight': ['h2', 'h1'],
      'c.weight': ['y', 'h2'],
    });
    const group = permutationGroup(wide);
    const draws = stream('wide');
    const params = randomParams(wide, draws);
    const moved = act(
      wide,
      compose(randomElement(group, draws), randomElement(group, draws)),
      noisy(params, draws, 0.1),
    );
    const match = await matchWeights(group, moved, params);
    expect(match.relative).toBeLessThan(0.11);
  });
});
