/** @file From raw weights through the blocks of a neural functional transformer. */
import type { Architecture } from '@weightspace/architecture';
import { tf, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { splitBlocks } from '../../blocks/blocks.ts';
import { foldAll, fourierFeatures, fourierFrequencies, measureScales } from '../../layers/encoding.ts';
import { layoutOf } from '../../blocks/layout.ts';
import type { Layout } from '../../blocks/layout.ts';
import { addPositionEmbedding, positionEmbeddingParameters } from '../../layers/position-embedding.ts';
import { MetanetError } from '../../metanet.ts';
import { chainOf } from './chain.ts';
import { nftBlock, nftBlockNoise, nftBlockParameters } from './nft-block.ts';

/** Settings that every model with these blocks has. */
export interface NftEncoderSettings {
  readonly blocks: number;
  /** Gaussian frequencies of the raw weights; the channels are twice as many. */
  readonly frequencies: number;
  readonly frequencyScale: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly channelDropout: number;
  readonly normalize: boolean;
}

export interface NftEncoder {
  readonly layout: Layout;
  /** Spaces of inputs and outputs. */
  readonly fixed: ReadonlySet<string>;
  readonly channels: number;
  readonly initialize: (stream: RandomStream) => Record<string, NdArray<'float32'>>;
  readonly measure: (weights: NdArrays, stream: RandomStream) => NdArrays;
  readonly noise: (batch: number, stream: RandomStream) => NdArrays;
  /** @returns features by parameter; `[B, …permutable axes, folded · C]` */
  readonly apply: (params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors) => Record<string, Tensor>;
}

/**
 * @throws {MetanetError} on settings that aren't possible, and where the network is no chain
 * Symmetry: equivariant to permutations of hidden neurons.
 * Source: Zhou et al. 2023, arXiv:2305.13546, sections 2.3 and 3. Departs: nothing but what its layers say.
 */
export function nftEncoder(kind: string, architecture: Architecture, settings: NftEncoderSettings): NftEncoder {
  check(kind, settings);
  const layout = layoutOf(kind, architecture, 'all');
  const chain = chainOf(kind, layout);
  const fixed = new Set(architecture.spaces.filter((s) => !s.free).map((s) => s.name));
  const channels = 2 * settings.frequencies;
  const block = { ...settings, channels };
  const names = Array.from({ length: settings.blocks }, (_, i) => `block${i + 1}`);
  return {
    layout,
    fixed,
    channels,
    initialize: (stream) =>
      Object.assign(
        positionEmbeddingParameters('position', layout, fixed, channels, stream),
        ...names.map((name) => nftBlockParameters(name, layout, block, stream.split(name))),
      ) as Record<string, NdArray<'float32'>>,
    measure: (weights, stream) => ({
      frequencies: fourierFrequencies(settings.frequencies, settings.frequencyScale, stream.split('frequencies')),
      ...(settings.normalize ? withPrefix('scale.', measureScales(weights)) : {}),
    }),
    noise: (batch, stream) =>
      Object.assign({}, ...names.map((name) => nftBlockNoise(name, layout, block, batch, stream))) as NdArrays,
    apply: (params, measured, weights, noise) => {
      const encoded = encode(layout, measured, weights);
      const placed = addPositionEmbedding(params, 'position', layout, fixed, encoded);
      return names.reduce((x, name) => nftBlock(params, name, layout, chain, settings, x, noise), placed);
    },
  };
}

function encode(layout: Layout, measured: Tensors, weights: Tensors): Record<string, Tensor> {
  const blocks = splitBlocks(layout.blocks, weights);
  const raw = layout.tensors.map(({ name, parameter }): [string, Tensor] => {
    const scale = measured[`scale.${parameter}`];
    const value = scale ? (tf.div(blocks[name]!, scale) as Tensor) : blocks[name]!;
    return [name, fourierFeatures(value, measured['frequencies']!)];
  });
  return foldAll(layout, Object.fromEntries(raw));
}

function check(kind: string, { blocks, frequencies, heads, feedForward, channelDropout }: NftEncoderSettings): void {
  for (const [name, value] of Object.entries({ blocks, frequencies, heads, feedForward })) {
    if (!Number.isInteger(value) || value < 1)
      throw new MetanetError(kind, `${name} must be a whole number above 0, got ${value}`);
  }
  if ((2 * frequencies) % heads !== 0)
    throw new MetanetError(
      kind,
      `heads must divide the ${2 * frequencies} channels, which are twice the frequencies, got ${heads}`,
    );
  if (!(channelDropout >= 0 && channelDropout < 1))
    throw new MetanetError(kind, `channelDropout must be in [0, 1), got ${channelDropout}`);
}
