/** @file Which axes of a network's parameters are indices of tensors, and which are channels. */
import type { LabelledNetwork } from '@weightspace/architecture';

import { blocksOf } from '../../blocks/blocks.ts';
import { layoutWith } from '../../blocks/layout.ts';
import type { Layout } from '../../blocks/layout.ts';
import type { IndexedTensor } from './plan.ts';

/**
 * What becomes of axes whose order has a meaning (inputs, outputs, kernels, gates, tokens). `hidden`: all are channels, so
 * that layers have every map that hidden neurons allow, at a cost that is quadratic in the size of these axes. `all`: all
 * are permuted, and told apart only by what the encoder adds. `auto`: short ones are channels.
 */
export const permutables = ['auto', 'hidden', 'all'] as const;
export type UniversalPermutable = (typeof permutables)[number];

/** With `auto`, the most entries of fixed order that stand in the channels of one block: a 3 × 3 kernel; their maps grow as the square. */
const SHORT = 9;

export function universalLayout(network: LabelledNetwork, permutable: UniversalPermutable): Layout {
  const short = permutable === 'auto' ? shortSpaces(network) : undefined;
  const isChannel = (space: string) => short?.has(space) ?? permutable === 'hidden';
  return layoutWith(network, ({ space, size, free }) => size > 1 && (free || !isChannel(space)));
}

/** Fixed spaces, as long as no block gets too many channels: kernels as a whole first, then from the shortest on. */
function shortSpaces(network: LabelledNetwork): Set<string> {
  const left = blocksOf(network).map(({ factors }) => ({ factors, channels: 1 }));
  const kernels = left.map(({ factors }) => factors.filter(({ kind }) => kind === 'kernel').map(({ space }) => space));
  const others = network.spaces.filter(({ free, kind }) => !free && kind !== 'kernel').sort((a, b) => a.size - b.size);
  const short = new Set<string>();
  for (const unit of [...kernels, ...others.map(({ name }) => [name])]) {
    const added = new Set(unit.filter((space) => !short.has(space)));
    const grown = left.map(({ factors, channels }) => ({
      factors,
      channels: factors.reduce((n, { space, size }) => (added.has(space) ? n * size : n), channels),
    }));
    if (grown.some(({ channels }, i) => channels > SHORT && channels > left[i]!.channels)) continue;
    added.forEach((space) => short.add(space));
    left.splice(0, left.length, ...grown);
  }
  return short;
}

/** The layout's blocks as tensors of indices. */
export const tensorsOf = ({ tensors }: Layout): IndexedTensor[] =>
  tensors.map(({ name, spaces, axes, shape, within, folded }) => ({
    name,
    indices: spaces.map((space, i) => ({ space, size: shape[axes[i]!]!, parent: within[i] })),
    folded,
  }));
