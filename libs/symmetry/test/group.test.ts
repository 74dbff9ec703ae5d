import { describe, expect, test } from 'vitest';

import { permutationGroup, symmetryGroup, SymmetryError } from '@weightspace/symmetry';
import type { SymmetryKind } from '@weightspace/symmetry';

import { geluNet, reluNet, residualNet, sineNet, tanhNet } from './networks.ts';

describe('symmetryGroup', () => {
  test.each([
    ['sine', sineNet, ['permutation', 'sign', 'phase']],
    ['tanh', tanhNet, ['permutation', 'sign']],
    ['relu', reluNet, ['permutation', 'scale']],
    ['gelu', geluNet, ['permutation']],
  ] as const)('has the symmetries of %s in every hidden space and no other', (_, architecture, kinds) => {
    const group = symmetryGroup(architecture);
    expect(group.spaces.map(({ name }) => name)).toEqual(['h1', 'h2', 'h3'].slice(0, group.spaces.length));
    group.spaces.forEach((space) => expect(space.kinds).toEqual(kinds));
  });
  test('gives one group to spaces that a residual unites, without the phase of one of its branches', () => {
    expect(symmetryGroup(residualNet).spaces).toEqual([{ name: 'h', size: 6, kinds: ['permutation', 'sign'] }]);
  });
  test('counts permutations and signs: 5! 4! 2^9 of tanh 3-5-4-2', () => {
    expect(permutationGroup(tanhNet).log10Order).toBeCloseTo(Math.log10(120 * 24), 12);
    expect(symmetryGroup(tanhNet).log10Order).toBeCloseTo(Math.log10(120 * 24 * 512), 12);
    expect(symmetryGroup(sineNet).log10Order).toBe(Infinity);
    expect(symmetryGroup(geluNet, ['sign']).log10Order).toBe(0);
  });
  test('refuses a kind that it does not know', () => {
    const call = () => symmetryGroup(sineNet, ['mirror' as SymmetryKind]);
    expect(call).toThrow(SymmetryError);
    expect(call).toThrow("symmetryGroup: kinds must be of permutation, sign, phase, scale, got 'mirror'");
  });
});
