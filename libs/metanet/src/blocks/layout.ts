/** @file How the features of a network's parameters lie in memory, for a choice of which neurons permute. */
import type { LabelledNetwork } from '@weightspace/architecture';

import { MetanetError } from '../metanet.ts';
import { blocksOf } from './blocks.ts';
import type { Block, Factor } from './blocks.ts';

/**
 * One block. Its features have the shape `[B, …permutable axes, folded · C]`: axes that don't permute are folded into the
 * channels.
 */
export interface TensorLayout {
  /** Of the block; that of its parameter where it is all of it. */
  readonly name: string;
  readonly parameter: string;
  readonly kind: string;
  /** Sizes of its factors: as in the architecture where each axis is one space. */
  readonly shape: readonly number[];
  /** Space of each of its factors. */
  readonly labels: readonly string[];
  /** Spaces of its permutable axes, in order. */
  readonly spaces: readonly string[];
  /** Positions of those axes in `shape`. */
  readonly axes: readonly number[];
  /** For each permutable axis: which other one says in which member of its parent it lies; undefined where none. */
  readonly within: readonly (number | undefined)[];
  /** Product of the sizes of the other axes. */
  readonly folded: number;
}

export interface Layout {
  readonly blocks: readonly Block[];
  readonly tensors: readonly TensorLayout[];
  /** Sizes of the permutable spaces that some block indexes. */
  readonly spaces: ReadonlyMap<string, number>;
}

/** `hidden`: the order of inputs and outputs has a meaning. `all`: it has none. */
export type Permutable = 'hidden' | 'all';

/** The layout of any labelled network: heads, repeated and joined axes too. */
export const blockLayout = (network: LabelledNetwork, permutable: Permutable): Layout =>
  layoutWith(network, (factor) => factor.free || (permutable === 'all' && factor.kind === 'neuron'));

/**
 * The same with any choice of what permutes. A factor that says in which member of a space another one lies stays an axis
 * with it: a free order within each member of a fixed space is one for each, so those members can't be channels.
 */
export function layoutWith(network: LabelledNetwork, permutes: (factor: Factor) => boolean): Layout {
  const blocks = blocksOf(network);
  const tensors = blocks.map(({ name, parameter, kind, factors }): TensorLayout => {
    const chosen = new Set(factors.flatMap((factor, i) => (permutes(factor) ? [i] : [])));
    for (const axis of chosen) {
      const { within } = factors[axis]!;
      if (within !== undefined) chosen.add(within);
    }
    const axes = [...chosen].sort((a, b) => a - b);
    const withinOf = (axis: number) => {
      const parent = factors[axis]!.within;
      return parent === undefined ? undefined : axes.indexOf(parent);
    };
    return {
      name,
      parameter,
      kind,
      shape: factors.map(({ size }) => size),
      labels: factors.map(({ space }) => space),
      spaces: axes.map((axis) => factors[axis]!.space),
      axes,
      within: axes.map(withinOf),
      folded: factors.reduce((n, { size }, i) => (axes.includes(i) ? n : n * size), 1),
    };
  });
  const used = new Set(tensors.flatMap((t) => t.spaces));
  const sizes = network.spaces.filter(({ name }) => used.has(name)).map(({ name, size }) => [name, size] as const);
  return { blocks, tensors, spaces: new Map(sizes) };
}

/**
 * The layout of networks of which every parameter has at most two permutable axes, in spaces that differ and have one
 * order each: chains, convolutions and residual streams, but no heads and no recurrence.
 *
 * @throws {MetanetError} where a parameter is of another form
 */
export function layoutOf(kind: string, network: LabelledNetwork, permutable: Permutable): Layout {
  const layout = blockLayout(network, permutable);
  for (const t of layout.tensors) {
    if (t.within.some((parent) => parent !== undefined)) {
      const axis = t.within.findIndex((parent) => parent !== undefined);
      refuse(
        kind,
        `takes axes that have one order each, got '${t.name}' with ${t.spaces[axis]!} within ${t.spaces[t.within[axis]!]!}`,
      );
    }
    if (t.spaces.length > 2 || new Set(t.spaces).size !== t.spaces.length) {
      refuse(
        kind,
        `takes parameters with at most two permutable axes that differ, got '${t.name}' with [${t.labels.join(', ')}]`,
      );
    }
  }
  return layout;
}

function refuse(kind: string, problem: string): never {
  throw new MetanetError(kind, `${problem}; 'unf' and the graph metanets take any labelled network`);
}
