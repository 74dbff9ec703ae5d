/** @file How many different parameters the group makes of given ones. */
import type { NdArrays } from '@weightspace/compute';

import { act } from '../act.ts';
import { sameParameters } from '../canonical/refine.ts';
import type { SpaceElement } from '../element.ts';
import { log10OrderOf } from '../group.ts';
import type { SymmetryGroup } from '../group.ts';
import { layoutOf } from '../layout/layout.ts';
import { log10StabilizerSize } from './stabilizer.ts';

/**
 * log₁₀ of the number of different parameters that are equivalent to given ones: |orbit| = |group| / |stabilizer|.
 *
 * The stabilizer isn't trivial where neurons are equal or dead: two equal neurons can change places, one without any
 * weights can change its sign.
 *
 * @param params of one network, `[…shape]`
 * @returns infinite where a shift or a scale changes any number
 * @throws {SymmetryError} when the stabilizer is too large to be found, or neurons are their own negatives only together
 * @throws {ParameterError | ShapeError} when the parameters don't fit
 */
export function log10OrbitSize(group: SymmetryGroup, params: NdArrays): number {
  const own = act(group.architecture, {}, params);
  if (movesWithoutEnd(group, own)) return Infinity;
  const finite = group.spaces.map((space) => ({
    ...space,
    kinds: space.kinds.filter((kind) => kind === 'permutation' || kind === 'sign'),
  }));
  const order = finite.reduce((sum, space) => sum + log10OrderOf(space), 0);
  return Math.max(0, order - log10StabilizerSize({ ...group, spaces: finite }, own));
}

/** Whether shifts or scales change anything: they do so in infinitely many ways. */
function movesWithoutEnd({ architecture, spaces }: SymmetryGroup, params: NdArrays): boolean {
  const { leaves } = layoutOf(architecture);
  const element: Record<string, SpaceElement> = {};
  let count = 1;
  for (const { name, kinds } of spaces) {
    const { total, size } = leaves.get(name)!;
    const permutation = Int32Array.from({ length: total }, (_, q) => q % size);
    element[name] = {
      permutation,
      ...(kinds.includes('phase') && { shift: new Int32Array(total).fill(2) }),
      // All different, so that what one neuron multiplies no other one divides by as much.
      ...(kinds.includes('scale') && { scale: Float32Array.from({ length: total }, () => 1 + 0.01 * count++) }),
    };
  }
  return !sameParameters(act(architecture, element, params), params, 0);
}
