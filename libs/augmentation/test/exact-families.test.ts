import { permutation, phase, positiveScale, sign } from '@weightspace/augmentation';
import type { Augmentation } from '@weightspace/augmentation';
import type { NdArrays } from '@weightspace/compute';
import { symmetryGroup } from '@weightspace/symmetry';
import type { SymmetryKind } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { families, generic, outputs, smallVit } from './architectures.ts';
import { augment, B, relativeError, stream } from './networks.ts';

const exact: readonly [SymmetryKind, Augmentation][] = [
  ['permutation', permutation],
  ['sign', sign],
  ['phase', phase(4)],
  ['scale', positiveScale()],
];
const same = (a: NdArrays, b: NdArrays): boolean =>
  Object.entries(a).every(([name, { data }]) => data.every((x, i) => x === b[name]!.data[i]));

describe.each(families)('exact augmentations of a %s', (_, architecture) => {
  test.each(exact)('by %s keep what it computes, and move it where it has the symmetry', async (kind, augmentation) => {
    const weights = generic(architecture, B);
    const draws = augmentation.draw(architecture, B, stream(kind));
    const before = await outputs(architecture, weights);
    const has = symmetryGroup(architecture, [kind]).spaces.length > 0;
    for (const device of ['cpu', 'eager'] as const) {
      const changed = await augment(augmentation, architecture, weights, draws, device);
      expect(relativeError(await outputs(architecture, changed), before)).toBeLessThan(1e-5);
      expect(same(changed, weights)).toBe(!has);
    }
  });
});

describe('permutation of heads', () => {
  test('draws an order of the heads, and one inside of each head for each network', () => {
    const draws = permutation.draw(smallVit, 50, stream('heads'));
    const group = symmetryGroup(smallVit, ['permutation']);
    const inside = group.spaces.filter(({ within }) => within !== undefined);
    expect(inside.length).toBeGreaterThan(0);
    for (const { name, size, within } of inside) {
      const { shape, data } = draws[name]!;
      const total = size * within!.instances;
      expect(shape).toEqual([50, total]);
      const orders = new Set<string>();
      for (let at = 0; at < data.length; at += size) {
        const order = Array.from(data.subarray(at, at + size));
        expect([...order].sort()).toEqual(Array.from({ length: size }, (__, i) => i));
        orders.add(order.join());
      }
      expect(orders.size).toBeGreaterThan(1);
    }
  });
});
