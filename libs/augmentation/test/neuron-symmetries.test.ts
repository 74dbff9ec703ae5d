import type { Architecture } from '@weightspace/architecture';
import { compose, permutation, phase, positiveScale, sign } from '@weightspace/augmentation';
import type { Augmentation } from '@weightspace/augmentation';
import { assertClose, gradientError, mapValues, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';
import { act } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import {
  augment,
  B,
  networks,
  pointsOf,
  reluNet,
  relativeError,
  render,
  sineNet,
  stream,
  tanhNet,
} from './networks.ts';

const exact: readonly [string, Augmentation, Architecture][] = [
  ['permutation of sines', permutation, sineNet],
  ['permutation of ReLUs', permutation, reluNet],
  ['sign of sines', sign, sineNet],
  ['sign of tanh', sign, tanhNet],
  ['phase by −1 and 0', phase(), sineNet],
  ['phase by −4 … 3', phase(4), sineNet],
  ['positive scale of ReLUs', positiveScale(), reluNet],
  ['all of them', compose([permutation, sign, phase(4)]), sineNet],
  ['all of them in another order', compose([phase(2), permutation, sign]), sineNet],
];

describe('exact augmentations', () => {
  test.each(exact)('leave the function as it is: %s', async (_, augmentation, architecture) => {
    expect(augmentation.kind).toBe('exact');
    const [weights, x] = [networks(architecture), pointsOf(architecture)];
    const draws = augmentation.draw(architecture, B, stream('draws'));
    const before = await render(architecture, weights, x);
    for (const device of ['cpu', 'eager'] as const) {
      const changed = await augment(augmentation, architecture, weights, draws, device);
      expect(relativeError(await render(architecture, changed, x), before)).toBeLessThan(1e-5);
      expect(relativeError(changed['layer2.weight']!, weights['layer2.weight']!)).toBeGreaterThan(0.1);
    }
  });
  test.each(exact)(
    'change every network of a batch, each in its own way: %s',
    async (_, augmentation, architecture) => {
      const one = networks(architecture);
      const weights = mapValues(one, (a) => ({ ...a, data: repeatFirst(a.data as Float32Array) })) as NdArrays;
      const changed = await augment(
        augmentation,
        architecture,
        weights,
        augmentation.draw(architecture, B, stream('own')),
      );
      const ofNetwork = (arrays: NdArrays, n: number): string =>
        Object.values(arrays)
          .map(({ data }) => Array.from(data.subarray((n * data.length) / B, ((n + 1) * data.length) / B)).join())
          .join(';');
      const all = Array.from({ length: B }, (_, n) => ofNetwork(changed, n));
      expect(new Set([...all, ofNetwork(weights, 0)]).size).toBe(B + 1);
    },
  );
  test.each(exact)('have the gradient that differences give: %s', (_, augmentation, architecture) => {
    const draws = mapValues(augmentation.draw(architecture, B, stream('gradient')), toTensor);
    const f = (weights: Tensors) => augmentation.apply(architecture, weights, draws) as Record<string, never>;
    expect(gradientError(f, networks(architecture))).toBeLessThan(1e-2);
  });
});

const repeatFirst = (data: Float32Array): Float32Array =>
  Float32Array.from(data, (_, i) => data[i % (data.length / B)]!);

describe('agreement with the group action', () => {
  /** Element n of the draws: what network n of the batch gets. */
  const elementsOf = (draws: NdArrays, part: 'permutation' | 'sign' | 'shift'): GroupElement[] =>
    Array.from({ length: B }, (_, n) =>
      mapValues(draws, ({ data, shape }) => {
        const own = Array.from(data.subarray(n * shape[1]!, (n + 1) * shape[1]!));
        const order = Int32Array.from(own, (_, i) => i);
        if (part === 'permutation') return { permutation: Int32Array.from(own) };
        return { permutation: order, [part]: part === 'sign' ? Int8Array.from(own) : Int32Array.from(own) };
      }),
    );
  test.each([
    ['permutation', permutation],
    ['sign', sign],
    ['shift', phase(4)],
  ] as const)('is exact to rounding for %s', async (part, augmentation) => {
    const weights = networks(sineNet);
    const draws = augmentation.draw(sineNet, B, stream('agree'));
    const expected = act(sineNet, elementsOf(draws, part), weights);
    const actual = await augment(augmentation, sineNet, weights, draws);
    for (const { name } of sineNet.parameters) assertClose(actual[name]!, expected[name]!, { rtol: 1e-6, atol: 1e-7 });
  });
});

describe('draws', () => {
  test.each([
    ['permutation', permutation],
    ['sign', sign],
    ['phase', phase(2)],
  ] as const)('of %s are made for hidden spaces alone, and are the same for the same stream', (_, augmentation) => {
    const draws = augmentation.draw(sineNet, B, stream('same'));
    expect(Object.entries(draws).map(([name, { shape }]) => [name, shape])).toEqual([
      ['h1', [B, 5]],
      ['h2', [B, 7]],
      ['h3', [B, 6]],
    ]);
    expect(augmentation.draw(sineNet, B, stream('same'))).toEqual(draws);
    expect(augmentation.draw(sineNet, B, stream('other'))).not.toEqual(draws);
  });
  test('of permutation are orders, of sign both ±1 and nothing else', () => {
    const orders = permutation.draw(sineNet, B, stream('orders'))['h2']!;
    for (let n = 0; n < B; n++) {
      expect(Array.from(orders.data.slice(n * 7, (n + 1) * 7)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
    expect([...new Set(sign.draw(sineNet, 50, stream('signs'))['h1']!.data)].sort()).toEqual([-1, 1]);
  });
  test.each([
    [1, [-1, 0]],
    [4, [-4, -3, -2, -1, 0, 1, 2, 3]],
  ])('of phase(%i) are the whole numbers from −reach to reach − 1', (reach, expected) => {
    const { data } = phase(reach).draw(sineNet, 200, stream('shifts'))['h1']!;
    expect([...new Set(data)].sort((a, b) => a - b)).toEqual(expected);
  });
  test('are empty where the activation lacks the symmetry, and then nothing changes', async () => {
    for (const augmentation of [sign, phase(2)]) {
      const draws = augmentation.draw(reluNet, B, stream('relu'));
      expect(draws).toEqual({});
      const weights = networks(reluNet);
      expect(await augment(augmentation, reluNet, weights, draws, 'eager')).toEqual(weights);
    }
  });
});
