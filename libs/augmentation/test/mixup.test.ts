import type { Architecture } from '@weightspace/architecture';
import { mixLabels, mixup, mixupNames, mixupOf, sign } from '@weightspace/augmentation';
import type { Mixup } from '@weightspace/augmentation';
import { compile, mapValues, ndarray, takeRows } from '@weightspace/compute';
import type { Device, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { act, randomElement, symmetryGroup } from '@weightspace/symmetry';
import type { SymmetryKind } from '@weightspace/symmetry';
import { afterEach, describe, expect, test } from 'vitest';

import { families, generic, outputs, plainCnn, reluMlp, sineMlp } from './architectures.ts';
import { B, relativeError, stream } from './networks.ts';

const open: Mixup[] = [];
const inline = (text: string, sweeps?: number): Mixup => {
  const one = mixupOf(text, { matching: 'inline', ...(sweeps && { sweeps }) });
  open.push(one);
  return one;
};
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function mixed(
  one: Mixup,
  architecture: Architecture,
  weights: NdArrays,
  draws: NdArrays,
  device: Device = 'cpu',
): Promise<NdArrays> {
  const f = compile((w: Tensors, d: Tensors) => ({ ...one.apply(architecture, w, d) }), { device, threads: 1 });
  try {
    return (await f(weights, draws)) as NdArrays;
  } finally {
    await f.release();
  }
}

/** The same draws with another share for all. */
const withShare = (draws: NdArrays, share: number): NdArrays => ({
  ...draws,
  alpha: ndarray(new Float32Array(draws['alpha']!.data.length).fill(share), draws['alpha']!.shape),
});
const partnersOf = (draws: NdArrays): number[] => Array.from(draws['partner']!.data);
const rowsOf = (arrays: NdArrays, rows: ArrayLike<number>): NdArrays => mapValues(arrays, (a) => takeRows(a, rows));
/** Networks of one orbit: each the first one, moved by an element of its own. */
function orbit(architecture: Architecture, kinds: readonly SymmetryKind[], count: number): NdArrays {
  const group = symmetryGroup(architecture, kinds);
  const first = rowsOf(generic(architecture, 1), Array<number>(count).fill(0));
  const draws = stream('orbit');
  return act(
    architecture,
    Array.from({ length: count }, () => randomElement(group, draws)),
    first,
  );
}
function distance(a: NdArrays, b: NdArrays): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(a)) data.forEach((x, i) => (sum += (x - b[name]!.data[i]!) ** 2));
  return Math.sqrt(sum);
}

describe('partners', () => {
  test.each([1, 2, 7, 8])(
    'of %i networks are pairs, and never the network itself where there is another',
    async (n) => {
      const { draws } = await inline('mixup').prepare(sineMlp, generic(sineMlp, n), stream('pairs'));
      const partner = partnersOf(draws);
      expect(partner).toHaveLength(n);
      const inPairs = partner.filter((p, i) => partner[p] === i).length;
      expect(inPairs).toBe(n === 1 ? 1 : n - (n % 2));
      if (n > 1) expect(partner.some((p, i) => p === i)).toBe(false);
    },
  );
  test('and shares are the same for the same stream, and others for another one', async () => {
    const weights = generic(sineMlp, 64);
    const drawn = async (label: string) => (await inline('mixup').prepare(sineMlp, weights, stream(label))).draws;
    expect(await drawn('a')).toEqual(await drawn('a'));
    const [a, b] = [await drawn('a'), await drawn('b')];
    expect(partnersOf(a)).not.toEqual(partnersOf(b));
    const alpha = Array.from(a['alpha']!.data);
    expect(new Set(alpha).size).toBe(64);
    expect(Math.min(...alpha)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...alpha)).toBeLessThan(0.15);
    expect(Math.max(...alpha)).toBeGreaterThan(0.85);
    expect(Math.max(...alpha)).toBeLessThanOrEqual(1);
  });
});

describe('mixup', () => {
  test('is α own + (1 − α) partner, number by number', async () => {
    const weights = generic(reluMlp, 5);
    const one = inline('mixup');
    const batch = await one.prepare(reluMlp, weights, stream('plain'));
    expect(batch.weights).toEqual(weights);
    const partner = partnersOf(batch.draws);
    for (const device of ['cpu', 'eager'] as const) {
      const result = await mixed(one, reluMlp, batch.weights, batch.draws, device);
      for (const [name, { data }] of Object.entries(weights)) {
        const size = data.length / 5;
        data.forEach((own, i) => {
          const [b, at] = [Math.floor(i / size), i % size];
          const alpha = batch.draws['alpha']!.data[b]!;
          const expected = alpha * own + (1 - alpha) * data[partner[b]! * size + at]!;
          expect(result[name]!.data[i]).toBeCloseTo(expected, 5);
        });
      }
    }
  });
  test.each(families)(
    'of a %s keeps the partner’s function where the share is 0, whatever is done to it',
    async (_, architecture) => {
      const weights = generic(architecture, B);
      for (const name of ['mixup', 'mixup-permuted', 'mixup-aligned', 'mixup-aligned:all', 'mixup-weights-only']) {
        const one = inline(name);
        const batch = await one.prepare(architecture, weights, stream(name));
        const moves = name !== 'mixup' && name !== 'mixup-weights-only';
        expect(Object.keys(batch.draws).some((key) => key.startsWith('element/'))).toBe(moves);
        const partners = await mixed(one, architecture, batch.weights, withShare(batch.draws, 0));
        const expected = await outputs(architecture, rowsOf(weights, partnersOf(batch.draws)));
        expect(relativeError(await outputs(architecture, partners), expected)).toBeLessThan(2e-5);
        const own = await mixed(one, architecture, batch.weights, withShare(batch.draws, 1));
        for (const key of Object.keys(weights)) expect(relativeError(own[key]!, weights[key]!)).toBeLessThan(1e-6);
      }
    },
  );
  test('permuted puts partners in another order', async () => {
    const weights = generic(sineMlp, B);
    const one = inline('mixup-permuted');
    const { draws } = await one.prepare(sineMlp, weights, stream('permuted'));
    const partners = await mixed(one, sineMlp, weights, withShare(draws, 0));
    expect(distance(partners, rowsOf(weights, partnersOf(draws)))).toBeGreaterThan(0.5);
  });
});

describe('alignment of partners', () => {
  test.each<[string, Architecture, readonly SymmetryKind[], string]>([
    ['orders of sines', sineMlp, ['permutation'], 'mixup-aligned'],
    ['orders, signs and phases of sines', sineMlp, ['permutation', 'sign', 'phase'], 'mixup-aligned:all'],
    ['orders and signs of tanh convolutions', plainCnn, ['permutation', 'sign'], 'mixup-aligned:permutation+sign'],
    ['orders and scales of ReLUs', reluMlp, ['permutation', 'scale'], 'mixup-aligned:all'],
  ])(
    'makes one network of those that differ by %s, so that any mixture computes the same',
    async (_, architecture, kinds, name) => {
      const weights = orbit(architecture, kinds, 6);
      const one = inline(name, 50);
      const batch = await one.prepare(architecture, weights, stream('orbit'));
      const result = await mixed(one, architecture, batch.weights, batch.draws);
      const expected = await outputs(architecture, weights);
      const plain = inline('mixup');
      const { draws } = await plain.prepare(architecture, weights, stream('orbit'));
      const unaligned = await mixed(plain, architecture, weights, draws);
      expect(relativeError(await outputs(architecture, unaligned), expected)).toBeGreaterThan(0.05);
      expect(relativeError(await outputs(architecture, result), expected)).toBeLessThan(3e-5);
    },
  );
  test('by orders alone is blind to signs and phases, as published; by all it is not', async () => {
    const weights = orbit(sineMlp, ['sign', 'phase'], 6);
    const expected = await outputs(sineMlp, weights);
    const error = async (name: string) => {
      const one = inline(name, 50);
      const batch = await one.prepare(sineMlp, weights, stream('blind'));
      return relativeError(await outputs(sineMlp, await mixed(one, sineMlp, batch.weights, batch.draws)), expected);
    };
    expect(await error('mixup-aligned')).toBeGreaterThan(0.05);
    expect(await error('mixup-aligned:all')).toBeLessThan(3e-5);
  });
  test('brings unrelated networks nearer, both ways by one matching', async () => {
    const weights = generic(sineMlp, 7);
    const one = inline('mixup-aligned:all');
    const { draws } = await one.prepare(sineMlp, weights, stream('nearer'));
    const partners = await mixed(one, sineMlp, weights, withShare(draws, 0));
    const before = rowsOf(weights, partnersOf(draws));
    for (let b = 0; b < 7; b++) {
      const [own, aligned, plain] = [weights, partners, before].map((arrays) => rowsOf(arrays, [b]));
      expect(distance(own!, aligned!)).toBeLessThan(distance(own!, plain!) * 0.97);
    }
  });
  test('is the same in a worker', async () => {
    const weights = generic(sineMlp, 6);
    const worker = mixupOf('mixup-aligned:all');
    open.push(worker);
    const [a, b] = await Promise.all([
      worker.prepare(sineMlp, weights, stream('one')),
      worker.prepare(sineMlp, weights, stream('two')),
    ]);
    const calling = inline('mixup-aligned:all');
    expect(a).toEqual(await calling.prepare(sineMlp, weights, stream('one')));
    expect(b).toEqual(await calling.prepare(sineMlp, weights, stream('two')));
  });
});

describe('labels', () => {
  const targets = ndarray(Float32Array.from([0.9, 0.1, 0.2, 0.8, 0.5, 0.5, 1, 0]), [4, 2]);
  const labelled = (draws: NdArrays): Promise<NdArray> =>
    compile((t: Tensor, d: Tensors) => mixLabels(t, d), { device: 'eager' })(targets, {
      'label-share': draws['label-share']!,
      partner: draws['partner']!,
    });
  const expectShares = async (draws: NdArrays, share: (alpha: number) => number): Promise<void> => {
    const result = await labelled(draws);
    const partner = partnersOf(draws);
    for (let b = 0; b < 4; b++) {
      const s = share(draws['alpha']!.data[b]!);
      for (const k of [0, 1]) {
        const expected = s * targets.data[b * 2 + k]! + (1 - s) * targets.data[partner[b]! * 2 + k]!;
        expect(result.data[b * 2 + k]).toBeCloseTo(expected, 5);
      }
    }
  };
  const weights = generic(sineMlp, 4);
  test.each(['mixup', 'mixup-permuted', 'mixup-aligned', 'mixup-combined'])(
    'of %s are mixed by the shares of the weights, soft ones too',
    async (name) => {
      const { draws } = await inline(name).prepare(sineMlp, weights, stream('labels'));
      await expectShares(draws, (alpha) => alpha);
    },
  );
  test('of mixup-weights-only are those of the network with the larger share', async () => {
    const { draws } = await inline('mixup-weights-only').prepare(sineMlp, weights, stream('larger'));
    const alphas = Array.from(draws['alpha']!.data);
    expect(alphas.some((a) => a < 0.5) && alphas.some((a) => a >= 0.5)).toBe(true);
    await expectShares(draws, (alpha) => (alpha >= 0.5 ? 1 : 0));
  });
  test('of mixup-self are the network’s own, and no other network’s, unlike in the public code', async () => {
    const { draws } = await inline('mixup-self').prepare(sineMlp, weights, stream('self'));
    expect(Array.from((await labelled(draws)).data)).toEqual(Array.from(targets.data));
    await expectShares(draws, () => 1);
  });
});

describe('mixup-self', () => {
  test('mixes each network with its own copy alone, brought back near to it', async () => {
    const weights = generic(sineMlp, 6);
    const one = mixup({
      name: 'self',
      align: ['permutation', 'sign'],
      labels: 'own',
      partner: 'self',
      change: sign,
      matching: 'inline',
    });
    open.push(one);
    const batch = await one.prepare(sineMlp, weights, stream('self'));
    expect(batch.weights).toBe(weights);
    const copies = mapValues(weights, (_, name) => batch.draws[`copy/${name}`]!) as NdArrays;
    expect(distance(copies, weights)).toBeGreaterThan(1);
    // The change was exact and the alignment knows signs, so that every mixture is the network again.
    const result = await mixed(one, sineMlp, weights, batch.draws);
    for (const name of Object.keys(weights)) expect(relativeError(result[name]!, weights[name]!)).toBeLessThan(1e-6);
    const others = rowsOf(weights, [0, 3, 1, 5, 2, 4]);
    const company = await one.prepare(sineMlp, { ...others }, stream('self'));
    expect(company.draws['partner']!.data).toEqual(Int32Array.from([0, 1, 2, 3, 4, 5]));
  });
  test('needs a change, and labels of its own', () => {
    const options = { name: 'self', align: 'none', partner: 'self' } as const;
    const message = "self: labels must be 'own' and change be given where the partner is 'self'";
    expect(() => mixup({ ...options, labels: 'mixed', change: sign })).toThrow(message);
    expect(() => mixup({ ...options, labels: 'own' })).toThrow(message);
  });
});

describe('mixup-combined', () => {
  test('changes all networks, then aligns and mixes the changed ones', async () => {
    const weights = generic(sineMlp, 6);
    const one = inline('mixup-combined');
    const batch = await one.prepare(sineMlp, weights, stream('combined'));
    expect(distance(batch.weights, weights)).toBeGreaterThan(1);
    const partners = await mixed(one, sineMlp, batch.weights, withShare(batch.draws, 0));
    const changed = rowsOf(batch.weights, partnersOf(batch.draws));
    expect(relativeError(await outputs(sineMlp, partners), await outputs(sineMlp, changed))).toBeLessThan(1e-5);
    expect(distance(partners, batch.weights)).toBeLessThan(distance(changed, batch.weights));
  });
});

describe('mixupOf', () => {
  test('knows every published variant', () => {
    expect(mixupNames()).toEqual([
      'mixup',
      'mixup-permuted',
      'mixup-aligned',
      'mixup-weights-only',
      'mixup-self',
      'mixup-combined',
    ]);
    for (const name of mixupNames()) {
      expect(inline(name).name).toBe(name);
      expect(inline(name).kind).toBe('approximate');
    }
  });
  test.each([
    ['mixdown', `mixupOf: name must be one of ${mixupNames().join(', ')}, got 'mixdown'`],
    ['toString', "got 'toString'"],
    ['mixup-aligned:order', 'mixupOf: symmetries of mixup-aligned must be all, or of permutation, sign, phase, scale'],
    ['mixup-aligned:', "got ''"],
    ['mixup-permuted:sign', "mixupOf: mixup-permuted takes no symmetries, got 'sign'; use mixup-aligned"],
  ])("refuses '%s'", (name, message) => {
    expect(() => mixupOf(name)).toThrow(RangeError);
    expect(() => mixupOf(name)).toThrow(message);
  });
});
