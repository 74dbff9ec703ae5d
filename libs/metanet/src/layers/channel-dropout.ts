/** @file Dropout that is the same for all neurons, so that training is equivariant too. */
import { tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Layout } from '../blocks/layout.ts';

/** Shares of what training drops. */
export interface ChannelDropout {
  /** Channels of a network's parameter. */
  readonly channels: number;
  /** Whole parameters of a network, with all channels. */
  readonly matrices?: number;
}

/** 0, or 1 divided by the share that is kept. */
function keep(shape: readonly number[], dropped: number, stream: RandomStream): NdArray<'float32'> {
  const mask = stream.bernoulli(shape, 1 - dropped);
  for (let i = 0; i < mask.data.length; i++) mask.data[i]! /= 1 - dropped;
  return mask;
}

/** Masks `<name>.<tensor>` `[B, folded · C]`, where anything is dropped. */
export function channelDropoutNoise(
  name: string,
  { tensors }: Layout,
  channels: number,
  { channels: ofChannels, matrices = 0 }: ChannelDropout,
  batch: number,
  stream: RandomStream,
): NdArrays {
  if (ofChannels === 0 && matrices === 0) return {};
  const own = stream.split(name);
  return Object.fromEntries(
    tensors.map((t) => {
      const width = t.folded * channels;
      const mask = keep([batch, width], ofChannels, own.split(t.name));
      const whole = keep([batch], matrices, own.split(t.name).split('matrix'));
      for (let i = 0; i < mask.data.length; i++) mask.data[i]! *= whole.data[Math.floor(i / width)]!;
      return [`${name}.${t.name}`, mask];
    }),
  );
}

/**
 * Drops channels of whole parameters: one draw for each network, parameter and channel.
 *
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]`
 * @param noise from `channelDropoutNoise`; without masks of this name x stays as it is
 * Symmetry: equivariant to permutations of every space of the layout, for fixed masks as well.
 * Source: `ChannelDropout` of the code of Zhou et al. 2023, arXiv:2302.14040.
 * Departs: channels of biases are dropped like those of matrices, not entry by entry, which no order of neurons survives.
 */
export function channelDropout(name: string, { tensors }: Layout, x: Tensors, noise?: Tensors): Record<string, Tensor> {
  return Object.fromEntries(
    tensors.map((t): [string, Tensor] => {
      const [value, mask] = [x[t.name]!, noise?.[`${name}.${t.name}`]];
      if (!mask) return [t.name, value];
      return [t.name, tf.mul(value, tf.reshape(mask, [mask.shape[0]!, ...t.spaces.map(() => 1), mask.shape[1]!]))];
    }),
  );
}
