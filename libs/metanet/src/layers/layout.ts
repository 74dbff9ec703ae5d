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

/** @throws {MetanetError} when a parameter indexes a permutable space twice, or more than two */
export function layoutOf(kind: string, architecture: Architecture, permutable: Permutable): Layout {
  const sizes = new Map(architecture.spaces.filter((s) => s.free || permutable === 'all').map((s) => [s.name, s.size]));
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
