/** @file From features of every parameter to a change of every parameter. */
import type { LabelledNetwork } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { joinBlocks } from '../blocks/blocks.ts';
import type { Layout, TensorLayout } from '../blocks/layout.ts';
import { constantParameter, dense, denseParameters } from './dense.ts';
import { unfold } from './encoding.ts';
import { equivariantLinear, equivariantLinearParameters } from './equivariant-linear.ts';

/** Start of the learned scale of a block's change, as in the public code of NFN and Neural Graphs. */
const SCALE = 0.01;

type Arrays = Record<string, NdArray<'float32'>>;

/**
 * The map to one channel: `pointwise` sees the channels of an entry only; `equivariant` is a last equivariant layer, as in
 * the editors of Zhou et al. 2023.
 */
export type EditLayer = 'pointwise' | 'equivariant';

/**
 * `<name>.<block>.weight` `[folded · C, folded]` and its bias, or what `equivariantLinear` has; and
 * `<name>.<block>.scale` `[]`.
 */
export function editHeadParameters(
  name: string,
  layout: Layout,
  channels: number,
  stream: RandomStream,
  layer: EditLayer = 'pointwise',
): Arrays {
  const { tensors } = layout;
  const maps =
    layer === 'equivariant'
      ? equivariantLinearParameters(name, layout, channels, 1, stream)
      : (Object.assign(
          {},
          ...tensors.map((t) => denseParameters(`${name}.${t.name}`, t.folded * channels, t.folded, stream)),
        ) as Arrays);
  const scales = tensors.map((t) => [`${name}.${t.name}.scale`, constantParameter(SCALE, [])] as const);
  return { ...maps, ...Object.fromEntries(scales) };
}

/**
 * A change of every parameter: a linear map of features to one channel, times a learned scale for each block.
 *
 * @param x features by block; shape `[B, …permutable axes, folded · C]`
 * @returns by parameter; shape `[B, …shape]`
 * Symmetry: equivariant to permutations of the layout's spaces.
 * Source: Zhou et al. 2023, arXiv:2302.14040, section 4 (style editing), and its public code's `LearnedScale`.
 * Departs: the scale is one for each block in place of one for each parameter; they differ where axes are joined.
 */
export function editHead(
  params: Tensors,
  name: string,
  layout: Layout,
  network: LabelledNetwork,
  x: Tensors,
  layer: EditLayer = 'pointwise',
): Record<string, Tensor> {
  const mapped = layer === 'equivariant' ? equivariantLinear(params, name, layout, x) : undefined;
  const changes = layout.tensors.map((t) => {
    const change = mapped?.[t.name] ?? dense(params, `${name}.${t.name}`, x[t.name]!);
    return [t.name, tf.mul(unfoldOne(t, change), params[`${name}.${t.name}.scale`]!)] as const;
  });
  return joinBlocks(network, layout.blocks, Object.fromEntries(changes));
}

/** `[B, …permutable axes, folded]` to `[B, …shape]`. */
const unfoldOne = (t: TensorLayout, x: Tensor): Tensor => tf.squeeze(unfold(t, x), [t.shape.length + 1]);
