/** @file How the features of a network's parameters lie in memory, for a choice of which neurons permute. */
import type { Architecture } from '@weightspace/architecture';

import { MetanetError } from '../metanet.ts';

/**
 * One parameter. Its features have the shape `[B, …permutable axes, folded · C]`: axes that don't permute are folded
 * into the channels.
 */
export interface TensorLayout {
  readonly name: string;
  readonly kind: string;
  /** As in the architecture. */
  readonly shape: readonly number[];
  /** Spaces of its permutable axes, in order; none, one, or two that differ. */
  readonly spaces: readonly string[];
  /** Positions of those axes in `shape`. */
  readonly axes: readonly number[];
  /** Product of the sizes of the other axes. */
  readonly folded: number;
}

export interface Layout {
  readonly tensors: readonly TensorLayout[];
  /** Sizes of the permutable spaces that some parameter indexes. */
  readonly spaces: ReadonlyMap<string, number>;
}

/** `hidden`: the order of inputs and outputs has a meaning. `all`: it has none. */
export type Permutable = 'hidden' | 'all';

/**
 * @throws {MetanetError} when a parameter indexes a permutable space twice, or more than two, or one axis of it several
 *   spaces
 */
export function layoutOf(kind: string, architecture: Architecture, permutable: Permutable): Layout {
  checkPlain(kind, architecture);
  const neurons = architecture.spaces.filter((s) => s.kind === 'neuron' && (s.free || permutable === 'all'));
  const sizes = new Map(neurons.map((s) => [s.name, s.size]));
  const tensors = architecture.parameters.map((p): TensorLayout => {
    const axes = p.axes.flatMap((space, axis) => (sizes.has(space) ? [axis] : []));
    const spaces = axes.map((axis) => p.axes[axis]!);
    if (spaces.length > 2 || new Set(spaces).size !== spaces.length) {
      throw new MetanetError(
        kind,
        `takes parameters with at most two permutable axes that differ, got '${p.name}' with [${p.axes.join(', ')}]`,
      );
    }
    const folded = p.shape.reduce((n, size, axis) => (axes.includes(axis) ? n : n * size), 1);
    return { name: p.name, kind: p.kind, shape: p.shape, spaces, axes, folded };
  });
  const used = new Set(tensors.flatMap((t) => t.spaces));
  return { tensors, spaces: new Map([...sizes].filter(([name]) => used.has(name))) };
}

/** Heads, groups and flattened or joined channels need layers that know blocks. */
function checkPlain(kind: string, { composites, parameters, spaces }: Architecture): void {
  const free = new Set(spaces.filter((s) => s.free).map(({ name }) => name));
  const joined = composites.filter(({ segments }) => segments.flat().some((leaf) => free.has(leaf)));
  const composite = new Set(joined.map(({ name }) => name));
  const blocks = new Set(spaces.filter((s) => s.free && s.kind !== 'neuron').map(({ name }) => name));
  const found = parameters.find((p) => p.axes.some((axis) => composite.has(axis) || blocks.has(axis)));
  if (!found) return;
  const axis = found.axes.find((name) => composite.has(name) || blocks.has(name))!;
  const segments = composites.find(({ name }) => name === axis)?.segments ?? [[axis]];
  const written = segments.map((segment) => segment.join(' × ')).join(' + ');
  throw new MetanetError(
    kind,
    `takes parameters whose axes are neurons of one space each, got '${found.name}' with an axis of ${written}`,
  );
}
