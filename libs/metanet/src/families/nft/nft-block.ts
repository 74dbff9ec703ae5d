/** @file The block of a neural functional transformer. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { channelDropout, channelDropoutNoise } from '../../layers/channel-dropout.ts';
import { gelu } from '../../layers/gelu.ts';
import type { Layout } from '../../blocks/layout.ts';
import { layerNorms, normParameters } from '../../layers/norms.ts';
import { pointwise, pointwiseParameters } from '../../layers/pointwise.ts';
import type { ChainLayer } from './chain.ts';
import { npAttention, npAttentionParameters } from './np-attention.ts';

export interface NftBlockSettings {
  readonly channels: number;
  readonly heads: number;
  /** Hidden channels of the pointwise layers, as a multiple of `channels`. */
  readonly feedForward: number;
  /** Share of channels that training drops behind the attention and behind the pointwise layers. */
  readonly channelDropout: number;
}

export const nftBlockParameters = (
  name: string,
  layout: Layout,
  { channels, feedForward }: NftBlockSettings,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> => ({
  ...normParameters('simple', `${name}.norm1`, layout, channels),
  ...npAttentionParameters(`${name}.attention`, layout, channels, stream),
  ...normParameters('simple', `${name}.norm2`, layout, channels),
  ...pointwiseParameters(`${name}.widen`, layout, channels, feedForward * channels, stream),
  ...pointwiseParameters(`${name}.narrow`, layout, feedForward * channels, channels, stream),
});

export const nftBlockNoise = (
  name: string,
  layout: Layout,
  { channels, channelDropout: share }: NftBlockSettings,
  batch: number,
  stream: RandomStream,
): NdArrays => ({
  ...channelDropoutNoise(`${name}.drop1`, layout, channels, { channels: share }, batch, stream),
  ...channelDropoutNoise(`${name}.drop2`, layout, channels, { channels: share }, batch, stream),
});

/**
 * Attention, then two pointwise layers, each behind a layer norm and beside what it read.
 *
 *     x = x + drop(NPAttention(LN x));  x = x + drop(Pointwise(GELU(Pointwise(LN x))))
 *
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]` @returns the same shapes
 * Symmetry: equivariant to permutations of every space of the layout.
 * Source: Zhou et al. 2023, "Neural Functional Transformers", arXiv:2305.13546, section 2.3.
 * Departs: dropout is of whole channels, which keeps it equivariant.
 */
export function nftBlock(
  params: Tensors,
  name: string,
  layout: Layout,
  chain: readonly ChainLayer[],
  { heads }: Pick<NftBlockSettings, 'heads'>,
  x: Tensors,
  noise?: Tensors,
): Record<string, Tensor> {
  const sum = (more: Tensors, drop: string, before: Tensors): Record<string, Tensor> => {
    const dropped = channelDropout(`${name}.${drop}`, layout, more, noise);
    return mapValues(dropped, (value, tensor) => tf.add(before[tensor]!, value) as Tensor);
  };
  const attended = npAttention(
    params,
    `${name}.attention`,
    layout,
    chain,
    heads,
    layerNorms('simple', params, `${name}.norm1`, layout, x),
  );
  const middle = sum(attended, 'drop1', x);
  const wide = pointwise(
    params,
    `${name}.widen`,
    layout,
    layerNorms('simple', params, `${name}.norm2`, layout, middle),
  );
  return sum(pointwise(params, `${name}.narrow`, layout, mapValues(wide, gelu)), 'drop2', middle);
}
