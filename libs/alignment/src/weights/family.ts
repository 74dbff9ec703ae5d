/** @file Which neurons are matched together: a space that isn't within another one that moves, and all within it. */
import { layoutOf } from '@weightspace/symmetry';
import type { LeafSpace, ParameterLayout, SymmetryGroup, SymmetryKind } from '@weightspace/symmetry';

export interface Family {
  readonly leaf: LeafSpace;
  /** Whether its order may change, its signs, and its phases. */
  readonly ordered: boolean;
  readonly signed: boolean;
  readonly phased: boolean;
  readonly children: readonly Family[];
}

/** All free spaces of which the group moves something, as trees of what is within what. */
export function familiesOf({ architecture, spaces }: SymmetryGroup): Family[] {
  const { leaves, parameters } = layoutOf(architecture);
  const free = [...leaves.values()].filter((leaf) => leaf.free);
  const has = (leaf: LeafSpace, kind: SymmetryKind) =>
    spaces.some(({ name, kinds }) => name === leaf.name && kinds.includes(kind));
  const family = (leaf: LeafSpace): Family => {
    const children = free.filter(({ parent }) => parent === leaf).map(family);
    return {
      leaf,
      ordered: has(leaf, 'permutation'),
      signed: has(leaf, 'sign'),
      phased: has(leaf, 'phase') && children.length === 0 && biasesOf(parameters, leaf) !== undefined,
      children,
    };
  };
  const moves = (own: Family): boolean => membersOf(own).some((f) => f.ordered || f.signed || f.phased);
  return free
    .filter(({ parent }) => !parent?.free)
    .map(family)
    .filter(moves);
}

export const membersOf = (family: Family): Family[] => [family, ...family.children.flatMap(membersOf)];

export interface NeuronBiases {
  readonly parameter: string;
  /** By neuron: where its bias stands. */
  readonly places: Int32Array;
}

/** The bias of each neuron of a space; undefined unless every one has just one, whose best shift is then known. */
export function biasesOf(parameters: readonly ParameterLayout[], leaf: LeafSpace): NeuronBiases | undefined {
  const found = parameters.flatMap(({ parameter, ranges }) =>
    parameter.kind !== 'bias'
      ? []
      : ranges.flatMap(({ slots }) =>
          slots
            .filter((slot) => slot.leaf === leaf && slot.role === 'out')
            .map((slot) => ({ parameter, ranges, slot })),
        ),
  );
  const [only] = found;
  if (only === undefined || found.length > 1 || only.ranges.length !== 1) return undefined;
  const places = new Int32Array(leaf.total).fill(-1);
  for (const [x, q] of only.slot.neurons.entries()) {
    if (q < 0) continue;
    if (places[q]! >= 0) return undefined;
    places[q] = x;
  }
  return places.includes(-1) ? undefined : { parameter: only.parameter.name, places };
}
