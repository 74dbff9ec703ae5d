/** @file From features of every parameter to a change of every parameter. */
import type { LabelledNetwork } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { joinBlocks } from '../blocks/blocks.ts';
import type { Layout, TensorLayout } from '../blocks/layout.ts';
import { constantParameter, dense, denseParameters } from './dense.ts';
import { unfold } from './encoding.ts';

/** Start of the learned scale of a block's change, as in the public code of NFN and Neural Graphs. */
const SCALE = 0.01;

/** `<name>.<block>.weight` `[folded · C, folded]`, its bias, and `<name>.<block>.scale` `[]`. */
export function editHeadParameters(
  name: string,
  { tensors }: Layout,
  channels: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  return Object.assign(
    {},
    ...tensors.map((t) => ({
      ...denseParameters(`${name}.${t.name}`, t.folded * channels, t.folded, stream),
      [`${name}.${t.name}.scale`]: constantParameter(SCALE, []),
    })),
  ) as Record<string, NdArray<'float32'>>;
}

/**
 * A change of every parameter: a linear map of the channels of each entry, times a learned scale for each block.
 *
 * @param x features by block; shape `[B, …permutable axes, folded · C]`
 * @returns by parameter; shape `[B, …shape]`
 * Symmetry: equivariant to permutations of the layout's spaces.
 * Source: Zhou et al. 2023, arXiv:2302.14040, section 4 (style editing), and its public code's learned scale.
 * Departs: the scale is one for each block in place of one for each parameter; they differ where axes are joined.
 */
export function editHead(
  params: Tensors,
  name: string,
  layout: Layout,
  network: LabelledNetwork,
  x: Tensors,
): Record<string, Tensor> {
  const changes = layout.tensors.map((t) => {
    const change = dense(params, `${name}.${t.name}`, x[t.name]!);
    return [t.name, tf.mul(unfoldOne(t, change), params[`${name}.${t.name}.scale`]!)] as const;
  });
  return joinBlocks(network, layout.blocks, Object.fromEntries(changes));
}

/** `[B, …permutable axes, folded]` to `[B, …shape]`. */
const unfoldOne = (t: TensorLayout, x: Tensor): Tensor => tf.squeeze(unfold(t, x), [t.shape.length + 1]);
