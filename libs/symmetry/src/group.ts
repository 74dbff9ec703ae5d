/** @file Which exact symmetries an architecture's networks have; all of it follows from the labels of its axes. */
import type { Architecture } from '@weightspace/architecture';

import { SymmetryError } from './symmetry-error.ts';

/**
 * `permutation`: any order of a free space's neurons. `sign`: σ(−z) = −σ(z). `phase`: sin(z + kπ) = (−1)ᵏ sin z.
 * `scale`: σ(c z) = c σ(z) for c > 0.
 */
export type SymmetryKind = 'permutation' | 'sign' | 'phase' | 'scale';
export const symmetryKinds: readonly SymmetryKind[] = ['permutation', 'sign', 'phase', 'scale'];

/** What the group may do to the neurons of one space. */
export interface SpaceGroup {
  readonly name: string;
  readonly size: number;
  readonly kinds: readonly SymmetryKind[];
}

export interface SymmetryGroup {
  readonly architecture: Architecture;
  /** Spaces that it does anything to. */
  readonly spaces: readonly SpaceGroup[];
  /** log₁₀ of the number of its elements; infinite with phases (k is any whole number) or scales. */
  readonly log10Order: number;
}

/**
 * All symmetries of these kinds that the architecture has: a product over its free spaces.
 *
 * @param kinds those that the architecture doesn't have are left out
 * @throws {SymmetryError} on an unknown kind
 */
export function symmetryGroup(
  architecture: Architecture,
  kinds: readonly SymmetryKind[] = symmetryKinds,
): SymmetryGroup {
  const unknown = kinds.find((kind) => !symmetryKinds.includes(kind));
  if (unknown !== undefined) {
    throw new SymmetryError('symmetryGroup', `kinds must be of ${symmetryKinds.join(', ')}, got '${String(unknown)}'`);
  }
  const spaces = architecture.spaces.flatMap(({ name, size, free, symmetries }): SpaceGroup[] => {
    const has = {
      permutation: free && size > 1,
      sign: symmetries.sign,
      phase: symmetries.phase !== undefined,
      scale: symmetries.scale,
    };
    const own = symmetryKinds.filter((kind) => kinds.includes(kind) && has[kind]);
    return own.length === 0 ? [] : [{ name, size, kinds: own }];
  });
  return { architecture, spaces, log10Order: spaces.reduce((sum, space) => sum + log10OrderOf(space), 0) };
}

/** The orders of all free spaces' neurons: the product of S_n over the spaces. */
export const permutationGroup = (architecture: Architecture): SymmetryGroup =>
  symmetryGroup(architecture, ['permutation']);

function log10OrderOf({ size, kinds }: SpaceGroup): number {
  if (kinds.includes('phase') || kinds.includes('scale')) return Infinity;
  let log = kinds.includes('sign') ? size * Math.log10(2) : 0;
  if (kinds.includes('permutation')) for (let i = 2; i <= size; i++) log += Math.log10(i);
  return log;
}
