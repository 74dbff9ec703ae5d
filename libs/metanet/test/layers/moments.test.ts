import { cnn } from '@weightspace/architecture';
import { toTensor } from '@weightspace/compute';
import {
  blocksOf,
  equivariantLinearParameters,
  layoutOf,
  measureMoments,
  standardizeBlock,
} from '@weightspace/metanet';
import { act, permutationGroup, randomElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { networksOf, stream, tiny } from '../networks.ts';

const convolutional = cnn({ input: { positions: [5, 5], size: 2 }, features: [3, 5], kernel: 2, outputs: 4 });

describe('measureMoments', () => {
  test.each(Object.entries({ tiny, convolutional }))(
    'on %s gives mean 0 and deviation 1 over networks and neurons, inputs, outputs and positions apart',
    (_, architecture) => {
      const [weights, blocks] = [networksOf(architecture, 9), blocksOf(architecture)];
      const fixed = measureMoments(blocks, weights);
      for (const { name, factors } of blocks) {
        const { shape } = fixed[`mean.${name}`]!;
        expect(shape).toEqual([1, ...factors.map(({ size, free }) => (free ? 1 : size))]);
        const tensors = Object.fromEntries(Object.entries(fixed).map(([n, x]) => [n, toTensor(x)]));
        const y = standardizeBlock(tensors, name, toTensor(weights[name]!));
        const groups = new Map<string, number[]>();
        y.dataSync().forEach((v, at) => {
          const own = factors.map(({ size, free }, axis) => {
            const after = factors.slice(axis + 1).reduce((n, f) => n * f.size, 1);
            return free ? '' : Math.floor(at / after) % size;
          });
          groups.set(own.join(), [...(groups.get(own.join()) ?? []), v]);
        });
        for (const values of groups.values()) {
          const mean = values.reduce((a, b) => a + b, 0) / values.length;
          expect(mean).toBeCloseTo(0, 3);
          expect(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length).toBeCloseTo(1, 2);
        }
      }
    },
  );

  test('is the same for permuted networks; a constant block is left as it is', () => {
    const weights = networksOf(tiny, 5);
    const moved = act(tiny, randomElement(permutationGroup(tiny), stream.split('moments')), weights);
    const [a, b] = [weights, moved].map((w) => measureMoments(blocksOf(tiny), w));
    for (const [name, { data }] of Object.entries(a!))
      data.forEach((v, i) => expect(b![name]!.data[i]).toBeCloseTo(v, 5));
    const constant = Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [name, { ...w, data: new Float32Array(w.data.length).fill(3) }]),
    );
    const found = measureMoments(blocksOf(tiny), constant as typeof weights);
    expect(Array.from(found['deviation.layer1.weight']!.data)).toEqual([1, 1]);
  });
});

describe('equivariantLinearParameters', () => {
  test.each(['hidden', 'all'] as const)(
    'kaiming starts %s maps with variance 2 / fan-in, biases at 0',
    (permutable) => {
      const layout = layoutOf('test', tiny, permutable);
      const uniform = equivariantLinearParameters('l', layout, 40, 30, stream);
      const normal = equivariantLinearParameters('l', layout, 40, 30, stream, 'kaiming');
      expect(Object.keys(normal)).toEqual(Object.keys(uniform));
      expect(normal['l.bias']!.data.every((v) => v === 0)).toBe(true);
      for (const [name, { data, shape }] of Object.entries(normal)) {
        expect(shape).toEqual(uniform[name]!.shape);
        if (name === 'l.bias') continue;
        // U(±1/√n) has variance 1/(3n), so that of 2/n is six times as much.
        const variance = (x: Float32Array) => x.reduce((s, v) => s + v * v, 0) / x.length;
        expect(variance(data) / variance(uniform[name]!.data)).toBeGreaterThan(5.2);
        expect(variance(data) / variance(uniform[name]!.data)).toBeLessThan(6.8);
      }
    },
  );
});
