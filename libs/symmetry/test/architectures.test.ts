import { describe, expect, test } from 'vitest';

import {
  act,
  canonicalForm,
  functionError,
  genericParameters,
  log10OrbitSize,
  permutationGroup,
  randomElement,
  symmetryGroup,
} from '@weightspace/symmetry';
import { assertClose, mapValues, ndarray } from '@weightspace/compute';

import { architectures } from './architectures.ts';
import { stream } from '@weightspace/symmetry/testing';

describe.each(architectures)('%s', (name, architecture, order) => {
  const group = permutationGroup(architecture);
  test('has the order that is counted by hand', () => {
    expect(group.log10Order).toBeCloseTo(Math.log10(order), 9);
  });
  test('computes the same wherever its group takes it', async () => {
    const all = symmetryGroup(architecture);
    expect(await functionError(all, stream(name), { points: 4 })).toBeLessThan(1e-5);
    expect(await functionError(group, stream(name), { points: 4 })).toBeLessThan(3e-6);
  });
  test('has as many equivalent parameters as the group has orders, and one canonical form of them', () => {
    const one = mapValues(genericParameters(architecture, stream(name), 1), (a) =>
      ndarray(a.data as Float32Array, a.shape.slice(1)),
    );
    expect(log10OrbitSize(group, one)).toBeCloseTo(group.log10Order, 9);
    const form = canonicalForm(group, one).params;
    const moved = canonicalForm(group, act(architecture, randomElement(group, stream('form')), one)).params;
    for (const parameter of Object.keys(form)) assertClose(moved[parameter]!, form[parameter]!, { rtol: 0, atol: 0 });
  });
});
