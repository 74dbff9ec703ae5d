import { siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { AlignmentError, matchWeights, PairMatcher } from '@weightspace/alignment';
import { mapValues, ndarray, ParameterError, ShapeError } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { act, functionError, permutationGroup, randomElement, symmetryGroup } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import {
  distance,
  families,
  networkOf,
  norm,
  reluMlp,
  sineMlp,
  single,
  smallVit,
  stacked,
  stream,
  tanhMlp,
} from './architectures.ts';

const moved = (architecture: Architecture, params: NdArrays, draws: RandomStream): NdArrays =>
  act(architecture, randomElement(symmetryGroup(architecture), draws), params);
const noisy = (params: NdArrays, draws: RandomStream, size: number): NdArrays =>
  mapValues(params, (a, name) =>
    ndarray(
      Float32Array.from(a.data as Float32Array, (x) =>
        name.includes('variance') ? x : x + size * draws.normalPair()[0],
      ),
      a.shape,
    ),
  );

describe.each(families)('matchWeights on a %s', (name, architecture) => {
  const group = symmetryGroup(architecture);
  test('undoes a random element of all of its symmetries', async () => {
    const draws = stream(`plant ${name}`);
    for (let i = 0; i < 3; i++) {
      const params = single(architecture, `${name} ${i}`);
      const reference = moved(architecture, params, draws);
      const match = await matchWeights(group, reference, params);
      expect(match.distanceBefore).toBeGreaterThan(0.1 * norm(params));
      expect(match.relative).toBeLessThan(2e-6);
      expect(match.attempts.map(({ start }) => start)[0]).toBe('canonical');
    }
  });
  test('undoes an order exactly', async () => {
    const params = single(architecture, name);
    const own = permutationGroup(architecture);
    const reference = act(architecture, randomElement(own, stream(`order ${name}`)), params);
    const match = await matchWeights(own, reference, params);
    expect(match.distance).toBe(0);
    expect(match.params).toEqual(reference);
  });
  test('keeps what the network computes, for unrelated ones too', async () => {
    const [a, b] = [single(architecture, `${name} a`), single(architecture, `${name} b`)];
    const match = await matchWeights(group, a, b, { restarts: 1, stream: stream('restarts') });
    const params = mapValues(b, (array) => ({ ...array, shape: [1, ...array.shape] })) as NdArrays;
    const error = await functionError(group, stream('points'), { params, elements: [match.element] });
    expect(error).toBeLessThan(2e-5);
    expect(match.distance).toBeLessThan(match.distanceBefore);
  });
  test('never gets farther in any sweep of any start, and says where it ended', async () => {
    const [a, b] = [single(architecture, `${name} a`), single(architecture, `${name} b`)];
    const { attempts, best } = await matchWeights(group, a, b, { restarts: 3, stream: stream('sweeps') });
    expect(attempts.map(({ start }) => start)).toEqual(['canonical', 'identity', 'random', 'random', 'random']);
    const ends = attempts.map(({ distances }) => distances.at(-1)!);
    for (const { distances, converged } of attempts) {
      expect(converged).toBe(true);
      expect(distances.length).toBeGreaterThan(1);
      distances.forEach((d, i) => expect(d).toBeLessThanOrEqual(distances[Math.max(0, i - 1)]! * (1 + 1e-12)));
    }
    expect(ends[best]).toBe(Math.min(...ends));
  });
  test('finds most of what noise leaves of an orbit', async () => {
    const params = single(architecture, name);
    const draws = stream(`noise ${name}`);
    const other = noisy(params, draws, 0.01);
    const reference = act(architecture, randomElement(permutationGroup(architecture), draws), other);
    const match = await matchWeights(permutationGroup(architecture), reference, params, {
      restarts: 10,
      stream: draws,
    });
    expect(match.distance).toBeLessThan(distance(other, params) * 1.0001);
  });
});

describe('signs and phases', () => {
  const net = siren({ sizes: [2, 3, 1], omega: 5 });
  /** Every element with shifts −2 … 2. */
  function* elements(): Generator<GroupElement> {
    const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]; // prettier-ignore
    for (const order of orders) {
      for (let s = 0; s < 8; s++) {
        for (let k = 0; k < 125; k++) {
          const sign = Int8Array.from({ length: 3 }, (_, i) => ((s >> i) & 1 ? -1 : 1));
          const shift = Int32Array.from({ length: 3 }, (_, i) => (Math.floor(k / 5 ** i) % 5) - 2);
          yield { h1: { permutation: Int32Array.from(order), sign, shift } };
        }
      }
    }
  }
  test('of one hidden layer are the best of all elements, also where biases lie half a period apart', async () => {
    for (let i = 0; i < 12; i++) {
      const [a, b] = [`a${i}`, `b${i}`].map((label) => {
        const params = single(net, label);
        const draws = stream(label);
        // So large that odd shifts, which cost much in one number, pay in the others for some pairs and not for others.
        const [biases, read] = [draws.split('b').uniform([3], -0.5, 0.5), draws.split('w').uniform([1, 3], -0.6, 0.6)];
        return { ...params, 'layer1.bias': biases, 'layer2.weight': read } as NdArrays;
      }) as [NdArrays, NdArrays];
      let least = Infinity;
      for (const g of elements()) least = Math.min(least, distance(a, act(net, g, b)));
      const match = await matchWeights(symmetryGroup(net), a, b);
      expect(match.distance).toBeGreaterThan(least * 0.99999);
      expect(match.distance).toBeLessThan(least * 1.00001);
      const blind = await matchWeights(permutationGroup(net), a, b);
      expect(blind.distance).toBeGreaterThan(match.distance * 1.01);
    }
  });
  test('see two biases just on either side of half a half period as near', async () => {
    const params = single(net, 'edge');
    const halfPeriod = Math.PI / 5;
    const at = (edge: number) =>
      ({ ...params, 'layer1.bias': ndarray(Float32Array.from([edge, 0.1, -0.2]), [3]) }) as NdArrays;
    const [a, b] = [at(halfPeriod / 2 - 0.001), at(halfPeriod / 2 + 0.001)];
    const onTheOtherSide = act(
      net,
      { h1: { permutation: Int32Array.from([0, 1, 2]), shift: Int32Array.from([-1, 0, 0]) } },
      b,
    );
    const match = await matchWeights(symmetryGroup(net), a, onTheOtherSide);
    expect(match.distance).toBeCloseTo(0.002, 5);
  });
});

describe('degenerate networks', () => {
  test('of equal neurons, or of nothing but 0, are matched without harm', async () => {
    for (const value of [0, 0.5]) {
      const params = mapValues(single(sineMlp, 'equal'), (a) =>
        ndarray(new Float32Array(a.data.length).fill(value), a.shape),
      );
      const match = await matchWeights(symmetryGroup(sineMlp), params, params);
      expect(match.distance).toBeCloseTo(0, 6);
      expect(match.attempts[0]!.converged).toBe(true);
    }
  });
  test('with a dead neuron and two of a kind are found in their orbit', async () => {
    const params = single(reluMlp, 'dead');
    const weight = params['layer2.weight']!.data as Float32Array;
    for (let i = 0; i < 7; i++) weight[i * 8 + 2] = 0;
    for (const name of ['layer1.weight', 'layer1.bias']) {
      const { data, shape } = params[name]!;
      const row = shape[1] ?? 1;
      data.copyWithin(5 * row, 4 * row, 5 * row);
    }
    const group = permutationGroup(reluMlp);
    const reference = act(reluMlp, randomElement(group, stream('dead')), params);
    expect((await matchWeights(group, reference, params)).distance).toBe(0);
  });
});

describe('matchWeights refuses', () => {
  const group = symmetryGroup(sineMlp);
  const params = single(sineMlp, 'refused');
  test('networks of another architecture', async () => {
    await expect(matchWeights(group, params, single(siren({ sizes: [2, 10, 8, 1] }), 'x'))).rejects.toThrow(ShapeError);
    const { 'layer2.bias': _bias, ...rest } = params;
    await expect(matchWeights(group, rest, params)).rejects.toThrow(ParameterError);
    await expect(matchWeights(group, single(smallVit, 'x'), params)).rejects.toThrow(ParameterError);
  });
  test('numbers that are not finite', async () => {
    const bias = params['layer1.bias']!;
    const data = (bias.data as Float32Array).slice();
    data[3] = NaN;
    const broken = { ...params, 'layer1.bias': { ...bias, data } } as NdArrays;
    await expect(matchWeights(group, broken, params)).rejects.toThrow(
      /matchWeights: reference must be finite, got .*layer1.bias/,
    );
    await expect(matchWeights(group, params, broken)).rejects.toThrow(/matchWeights: params must be finite/);
  });
  test.each([
    [{ restarts: -1 }, 'matchWeights: restarts must be a whole number from 0, got -1'],
    [{ restarts: 2 }, 'matchWeights: stream must be given for 2 restarts, got none; pass a RandomStream'],
    [{ sweeps: 0 }, 'matchWeights: sweeps must be a whole number from 1, got 0'],
  ])('options that can’t be: %o', async (options, message) => {
    await expect(matchWeights(group, params, params, options)).rejects.toThrow(AlignmentError);
    await expect(matchWeights(group, params, params, options)).rejects.toThrow(message);
  });
});

describe('sweeps and restarts', () => {
  const group = permutationGroup(sineMlp);
  const [a, b] = [single(sineMlp, 'a'), single(sineMlp, 'b')];
  test('that run out are said not to have converged', async () => {
    const { attempts } = await matchWeights(group, a, b, { sweeps: 1 });
    expect(attempts[1]!.converged).toBe(false);
    expect(attempts[1]!.distances).toHaveLength(2);
  });
  test('are the same for the same stream, and restarts find nearer ends than two starts do', async () => {
    const run = (seed: string, restarts: number) => matchWeights(group, a, b, { restarts, stream: stream(seed) });
    expect(await run('x', 3)).toEqual(await run('x', 3));
    expect((await run('x', 3)).attempts).not.toEqual((await run('y', 3)).attempts);
    const own = permutationGroup(tanhMlp);
    const gains = [];
    for (let i = 0; i < 6; i++) {
      const [one, two] = [single(tanhMlp, `one ${i}`), single(tanhMlp, `two ${i}`)];
      const twice = await matchWeights(own, one, two);
      const often = await matchWeights(own, one, two, { restarts: 20, stream: stream('often') });
      expect(often.distance).toBeLessThanOrEqual(twice.distance);
      gains.push(1 - often.distance / twice.distance);
    }
    expect(Math.max(...gains)).toBeGreaterThan(0.01);
  });
});

describe('PairMatcher', () => {
  test.each(families)(
    'gives for every pair what matchWeights finds from the order that there is, of a %s',
    async (_, architecture) => {
      const group = symmetryGroup(architecture);
      const [a, b] = [stacked(architecture, 'a', 3), stacked(architecture, 'b', 3)];
      const matcher = new PairMatcher(group, { inverses: true });
      const found = await matcher.match(a, b);
      await matcher.release();
      for (let p = 0; p < 3; p++) {
        const elementAt = (row: number): GroupElement =>
          Object.fromEntries(
            group.spaces.map(({ name }) => {
              const part = (key: string) => {
                const { data, shape } = found[`${name}.${key}`]!;
                return data.slice(row * shape[1]!, (row + 1) * shape[1]!);
              };
              const kinds = ['sign', 'shift', 'scale'].filter((key) => found[`${name}.${key}`]);
              return [
                name,
                { permutation: part('permutation'), ...Object.fromEntries(kinds.map((key) => [key, part(key)])) },
              ];
            }),
          ) as unknown as GroupElement;
        const [own, other] = [networkOf(architecture, a, p), networkOf(architecture, b, p)];
        const { attempts } = await matchWeights(group, own, other);
        const near = act(architecture, elementAt(p), other);
        if (group.spaces.every(({ kinds }) => !kinds.includes('scale'))) {
          expect(distance(own, near)).toBeLessThan(attempts[1]!.distances.at(-1)! * 1.05);
        }
        expect(distance(own, near)).toBeLessThan(distance(own, other));
        const back = act(architecture, elementAt(3 + p), near);
        expect(distance(back, other)).toBeLessThan(1e-5 * norm(other));
      }
    },
  );
  test('refuses stacks of different sizes', async () => {
    const matcher = new PairMatcher(symmetryGroup(sineMlp));
    const message = 'PairMatcher.match: params must hold 3 networks as reference does, got 2';
    await expect(matcher.match(stacked(sineMlp, 'a', 3), stacked(sineMlp, 'b', 2))).rejects.toThrow(message);
    expect(() => new PairMatcher(symmetryGroup(sineMlp), { sweeps: 0.5 })).toThrow(
      'PairMatcher: sweeps must be a whole number from 1, got 0.5',
    );
  });
});
