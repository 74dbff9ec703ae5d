/** @file Hidden neurons as a set of vectors, whatever the architecture. */
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { splitBlocks } from '../../blocks/blocks.ts';
import { blockLayout } from '../../blocks/layout.ts';
import type { Layout, TensorLayout } from '../../blocks/layout.ts';
import { dense, denseParameters } from '../../layers/dense.ts';
import { fold, fourierFeatures } from '../../layers/encoding.ts';

/** One way in which a block tells something of the neurons of a space. */
interface View {
  readonly tensor: TensorLayout;
  /** Of the block's permutable axes: those that stay, ancestors first; the last is the space itself. */
  readonly kept: readonly number[];
}

export interface TokenPlan {
  readonly layout: Layout;
  /** By hidden space. */
  readonly views: ReadonlyMap<string, readonly View[]>;
  /** Blocks without a hidden space: biases of outputs. */
  readonly rest: readonly TensorLayout[];
}

/** An axis, after those that say in which member of its parent it lies. */
function lineage(within: TensorLayout['within'], axis: number): number[] {
  const parent = within[axis];
  return parent === undefined ? [axis] : [...lineage(within, parent), axis];
}

export function tokenPlan(architecture: Architecture): TokenPlan {
  const layout = blockLayout(architecture, 'hidden');
  const views = new Map<string, View[]>([...layout.spaces.keys()].map((space) => [space, []]));
  for (const tensor of layout.tensors) {
    tensor.spaces.forEach((space, axis) => views.get(space)!.push({ tensor, kept: lineage(tensor.within, axis) }));
  }
  return { layout, views, rest: layout.tensors.filter(({ spaces }) => spaces.length === 0) };
}

const widthOf = (views: readonly View[], channels: number): number =>
  views.reduce((sum, { tensor }) => sum + tensor.folded * channels, 0);

/** `<name>.<space>.{weight,bias}`, and `<name>.rest.{weight,bias}` where there are blocks without a hidden space. */
export function tokenParameters(
  name: string,
  { views, rest }: TokenPlan,
  frequencies: number,
  outputs: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const c = 2 * frequencies;
  const spaces = [...views].map(([space, own]) =>
    denseParameters(`${name}.${space}`, widthOf(own, c), outputs, stream),
  );
  const folded = rest.reduce((sum, t) => sum + t.folded, 0);
  return Object.assign(
    folded > 0 ? denseParameters(`${name}.rest`, folded * c, outputs, stream) : {},
    ...spaces,
  ) as Record<string, NdArray<'float32'>>;
}

/** What networks become. */
export interface Tokens {
  /** Members of all hidden spaces; shape `[B, N, D]`. */
  readonly set: Tensor;
  /** Of blocks without a hidden space; shape `[B, D]`. */
  readonly rest: Tensor | undefined;
}

/**
 * A vector for every member of every hidden space.
 *
 *     token[n] = [mean over other hidden axes of γ(w) at n, for each block and axis that has the space] · weight + bias
 *
 * γ are Fourier features of a single weight, so their means describe the distribution of the weights into the neuron, and
 * of those out of it; entries of different inputs, outputs and kernel positions stay apart, as channels. Each space has a
 * map of its own. A space within another (channels within heads) has a token for each pair.
 *
 * Letters: B batch, N tokens, D channels.
 *
 * @param weights by parameter, already divided by their scales; shape `[B, …shape]`
 * @param f_1m frequencies; shape `[1, M]`
 * Symmetry: permuting a hidden space permutes its tokens.
 * Source: tokens of neurons as in set models on weights (Navon et al. 2023, arXiv:2301.12780, section 2); the summary is
 *   ours. Departs: rows and columns are described by means of features, since neurons on their other side permute too.
 */
export function neuronTokens(params: Tensors, name: string, plan: TokenPlan, weights: Tensors, f_1m: Tensor): Tokens {
  const blocks = splitBlocks(plan.layout.blocks, weights);
  const features = new Map(
    plan.layout.tensors.map((t) => [t, fold(t, fourierFeatures(blocks[t.name]!, f_1m))] as const),
  );
  const parts = [...plan.views].map(([space, views]) => {
    const seen = views.map((view) => viewOf(view, features.get(view.tensor)!));
    return dense(params, `${name}.${space}`, seen.length === 1 ? seen[0]! : tf.concat(seen, 2));
  });
  const rest = plan.rest.map((t) => features.get(t)!);
  return {
    set: parts.length === 1 ? parts[0]! : tf.concat(parts, 1),
    rest: rest.length === 0 ? undefined : dense(params, `${name}.rest`, tf.concat(rest, 1)),
  };
}

/** @param x shape `[B, …permutable axes, C]` @returns shape `[B, N, C]` */
function viewOf({ kept }: View, x: Tensor): Tensor {
  const [batch, channels] = [x.shape[0]!, x.shape.at(-1)!];
  const others = Array.from({ length: x.rank - 2 }, (_, axis) => axis).filter((axis) => !kept.includes(axis));
  // The last axes first, so that the positions of those before them stay.
  const mean = others.toReversed().reduce<Tensor>((y, axis) => tf.mean(y, axis + 1), x);
  const ascending = [...kept].sort((a, b) => a - b);
  const order = kept.map((axis) => ascending.indexOf(axis) + 1);
  return tf.reshape(tf.transpose(mean, [0, ...order, kept.length + 1]), [
    batch,
    mean.size / (batch * channels),
    channels,
  ]);
}
