/** @file Which sub-layers a DWS layer is made of, for one layout. */
import type { Layout } from '../../blocks/layout.ts';

/** One parameter of the input network. Its features have the shape `[B, folded · C, …sizes]`, channels fastest in `folded · C`. */
export interface DwsTensor {
  readonly name: string;
  /** Hidden spaces that it indexes: none, one, or two that differ. */
  readonly spaces: readonly string[];
  readonly sizes: readonly number[];
  /** How many entries there are for one choice of hidden neurons: inputs, outputs, kernel positions. */
  readonly folded: number;
  /** Whether one of its axes is the network's input. */
  readonly input: boolean;
  /** All spaces that it indexes, also those whose order has a meaning. */
  readonly indexed: readonly string[];
}

/**
 * How one parameter tells another something. `matrix`: both have the same two hidden spaces; `set`: they share one;
 * `vector`: they share none.
 */
export type Relation = 'matrix' | 'set' | 'vector';

/** All `set` sub-layers that read one tensor pooled to one space, and write as many channels each. */
export interface SetGroup {
  readonly from: DwsTensor;
  readonly space: string;
  readonly size: number;
  readonly targets: readonly DwsTensor[];
}

/** All `vector` sub-layers that read one tensor. */
export interface VectorGroup {
  readonly from: DwsTensor;
  readonly targets: readonly DwsTensor[];
}

export interface MatrixPair {
  readonly from: DwsTensor;
  readonly to: DwsTensor;
}

export interface DwsPlan {
  readonly tensors: readonly DwsTensor[];
  readonly sets: readonly SetGroup[];
  readonly vectors: readonly VectorGroup[];
  readonly matrices: readonly MatrixPair[];
  /** What sums are divided by: the number of parameters, 2L for a chain. */
  readonly divisor: number;
}

/** @param inputs spaces that the network reads */
export const dwsTensors = (layout: Layout, inputs: ReadonlySet<string>): DwsTensor[] =>
  layout.tensors.map((t) => ({
    name: t.name,
    spaces: t.spaces,
    sizes: t.axes.map((axis) => t.shape[axis]!),
    folded: t.folded,
    input: t.labels.some((space) => inputs.has(space)),
    indexed: t.labels,
  }));

const shared = (a: DwsTensor, b: DwsTensor): string[] => a.spaces.filter((space) => b.spaces.includes(space));

export function relationOf(a: DwsTensor, b: DwsTensor): Relation {
  return (['vector', 'set', 'matrix'] as const)[shared(a, b).length]!;
}

/** Whether two parameters index a space in common, be it that of inputs or outputs. */
const adjacent = (a: DwsTensor, b: DwsTensor): boolean =>
  a === b || a.indexed.some((space) => b.indexed.includes(space));

/** @param diagonal only between parameters that have a space in common */
export function dwsPlan(tensors: readonly DwsTensor[], diagonal: boolean): DwsPlan {
  const targetsOf = (from: DwsTensor, relation: Relation) =>
    tensors.filter((to) => relationOf(from, to) === relation && (!diagonal || adjacent(from, to)));
  return {
    tensors,
    sets: tensors.flatMap((from) => setGroups(from, targetsOf(from, 'set'))),
    vectors: tensors.flatMap((from) => {
      const targets = targetsOf(from, 'vector');
      return targets.length === 0 ? [] : [{ from, targets }];
    }),
    matrices: tensors.flatMap((from) => targetsOf(from, 'matrix').map((to) => ({ from, to }))),
    divisor: tensors.length,
  };
}

function setGroups(from: DwsTensor, targets: readonly DwsTensor[]): SetGroup[] {
  return from.spaces.flatMap((space, axis) => {
    const ofSpace = targets.filter((to) => to.spaces.includes(space));
    const widths = [...new Set(ofSpace.map(({ folded }) => folded))];
    return widths.map((folded) => ({
      from,
      space,
      size: from.sizes[axis]!,
      targets: ofSpace.filter((to) => to.folded === folded),
    }));
  });
}
