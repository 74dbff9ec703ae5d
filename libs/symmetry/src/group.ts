/** @file Which exact symmetries a network has; all of it follows from the labels of its axes. */
import type { LabelledNetwork } from '@weightspace/architecture';

import { layoutOf } from './layout/layout.ts';
import type { LeafSpace } from './layout/layout.ts';
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
  /** Neurons that one order is for. */
  readonly size: number;
  readonly kinds: readonly SymmetryKind[];
  /** Of a space within another one: that space, and how many orders of its own there are. */
  readonly within?: { readonly space: string; readonly instances: number };
}

export interface SymmetryGroup<N extends LabelledNetwork = LabelledNetwork> {
  /** Whose group it is: an architecture, or any labelled network. */
  readonly architecture: N;
  /** Spaces that it does anything to. */
  readonly spaces: readonly SpaceGroup[];
  /** log₁₀ of the number of its elements; infinite with phases (k is any whole number) or scales. */
  readonly log10Order: number;
}

/**
 * All symmetries of these kinds that the network has: a product over its free spaces, and a wreath product where a space
 * is within another one (heads permute as blocks, and each permutes inside).
 *
 * @param kinds those that the network doesn't have are left out
 * @throws {SymmetryError} on an unknown kind, or labels that contradict each other
 */
export function symmetryGroup<N extends LabelledNetwork>(
  architecture: N,
  kinds: readonly SymmetryKind[] = symmetryKinds,
): SymmetryGroup<N> {
  const unknown = kinds.find((kind) => !symmetryKinds.includes(kind));
  if (unknown !== undefined) {
    throw new SymmetryError('symmetryGroup', `kinds must be of ${symmetryKinds.join(', ')}, got '${String(unknown)}'`);
  }
  const { leaves, parameters } = layoutOf(architecture);
  const used = new Set(parameters.flatMap(({ ranges }) => ranges.flatMap(({ slots }) => slots.map((s) => s.leaf))));
  const spaces = [...leaves.values()].flatMap((leaf): SpaceGroup[] => {
    const own = used.has(leaf) ? kindsOf(leaf).filter((kind) => kinds.includes(kind)) : [];
    if (own.length === 0) return [];
    const { name, size, parent, instances } = leaf;
    return [{ name, size, kinds: own, ...(parent && { within: { space: parent.name, instances } }) }];
  });
  return { architecture, spaces, log10Order: spaces.reduce((sum, space) => sum + log10OrderOf(space), 0) };
}

/** The orders of all free spaces' neurons: the product of S_n over the spaces and their instances. */
export const permutationGroup = <N extends LabelledNetwork>(architecture: N): SymmetryGroup<N> =>
  symmetryGroup(architecture, ['permutation']);

export function kindsOf({ space, size, free }: LeafSpace): SymmetryKind[] {
  const { sign, phase, scale } = space.symmetries;
  const has = { permutation: size > 1, sign, phase: phase !== undefined, scale };
  return free ? symmetryKinds.filter((kind) => has[kind]) : [];
}

export const instancesOf = ({ within }: SpaceGroup): number => within?.instances ?? 1;

export function log10OrderOf(space: SpaceGroup): number {
  const { size, kinds } = space;
  if (kinds.includes('phase') || kinds.includes('scale')) return Infinity;
  const signs = kinds.includes('sign') ? size * Math.log10(2) : 0;
  return instancesOf(space) * (signs + (kinds.includes('permutation') ? log10Factorial(size) : 0));
}

export function log10Factorial(n: number): number {
  let log = 0;
  for (let i = 2; i <= n; i++) log += Math.log10(i);
  return log;
}
