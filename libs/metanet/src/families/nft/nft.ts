/** @file Neural functional transformers as classifiers. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { canonicalizeSigns } from '@weightspace/symmetry';

import { editHead, editHeadParameters } from '../../layers/edit-head.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { perceiver, perceiverParameters } from '../../layers/perceiver.ts';
import type { PerceiverSettings } from '../../layers/perceiver.ts';
import { pool, pooledFeatures } from '../../layers/pool.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet } from '../../metanet.ts';
import type { MetanetKind } from '../../registry.ts';
import { nftEncoder } from './nft-encoder.ts';
import type { NftEncoder } from './nft-encoder.ts';

export const nftSettings = {
  blocks: 2,
  /** Gaussian frequencies of the raw weights; the channels are twice as many. */
  frequencies: 32,
  /** Deviation of the frequencies, in periods per unit of a weight; with `normalize`, per root mean square. */
  frequencyScale: 0.3,
  heads: 4,
  /** Hidden channels of the pointwise layers, as a multiple of the channels. */
  feedForward: 2,
  /** Share of each block's channels that training drops. */
  channelDropout: 0,
  /** Divide each parameter by its root mean square over the training networks. */
  normalize: true,
  /** `hnp` and `np` pool means, inputs and outputs apart or not; `perceiver` asks by learned latents. */
  pool: 'hnp',
  /** Of `perceiver`: latents, their channels, heads and self-attention layers. */
  latents: 32,
  latentWidth: 128,
  latentHeads: 4,
  selfLayers: 2,
  /** Widths of the head's hidden layers. */
  head: [256] as readonly number[],
  dropout: 0.2,
  /** Choose signs and phases of neurons by a rule, so that neither has to be learnt; of use where activations have them. */
  canonicalSigns: false,
};
export type NftSettings = typeof nftSettings;

export const nft: MetanetKind<NftSettings> = {
  kind: 'nft',
  family: 'NFT',
  source: 'Zhou et al. 2023, arXiv:2305.13546, section 2',
  symmetry:
    'invariant to permutations of hidden neurons, and with canonicalSigns to their signs and phases; its attention also commutes with permutations of inputs and outputs',
  inputs: ['chains of linear and convolutional layers with biases: MLPs, SIRENs, CNNs'],
  takes: ['mlp', 'cnn'],
  settings: nftSettings,
  published: {
    settings: {
      blocks: 6,
      frequencies: 128,
      frequencyScale: 3,
      heads: 4,
      feedForward: 4,
      normalize: false,
      pool: 'np',
      head: [],
      dropout: 0,
    },
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 20_159_242,
    departs:
      'nothing: an embedding of 2,304 parameters, six blocks of 3,356,928 and a linear layer of 15,370 on the means of all parameters',
  },
  create: createNft,
  edit: editNft,
};

const prefixed = 'readout';
const perceiverOf = ({ latents, latentWidth, latentHeads, selfLayers }: NftSettings): PerceiverSettings => ({
  latents,
  width: latentWidth,
  crossHeads: 1,
  crossWidth: 64,
  selfLayers,
  selfHeads: latentHeads,
  selfWidth: 64,
});

function createNft(architecture: Architecture, outputs: number, settings: NftSettings): Metanet {
  check(settings);
  const encoder = nftEncoder('nft', architecture, settings);
  const readout = readoutOf(encoder, settings);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...encoder.initialize(stream),
    ...readout.initialize(stream),
    ...headParameters(readout.features, outputs, settings, stream),
  });
  return {
    kind: 'nft',
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: encoder.measure,
    noise: (batch, stream) => ({
      ...encoder.noise(batch, stream.split('blocks')),
      ...headNoise(batch, settings, stream.split('head')),
    }),
    apply: (params, fixed, given, noise) => {
      const weights = settings.canonicalSigns ? canonicalizeSigns(architecture, given) : given;
      const x = encoder.apply(params, fixed, weights, noise);
      return applyHead(params, readout.apply(params, x), settings, noise);
    },
  };
}

function editNft(architecture: Architecture, settings: NftSettings): Editor {
  check(settings);
  if (settings.canonicalSigns)
    throw new MetanetError('nft', 'canonicalSigns must be false in an editor: changes would be those of other signs');
  const encoder = nftEncoder('nft', architecture, settings);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...encoder.initialize(stream),
    ...editHeadParameters('edit', encoder.layout, encoder.channels, stream),
  });
  return {
    kind: 'nft',
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: encoder.measure,
    noise: (batch, stream) => encoder.noise(batch, stream.split('blocks')),
    apply: (params, fixed, weights, noise) =>
      editHead(params, 'edit', encoder.layout, architecture, encoder.apply(params, fixed, weights, noise)),
  };
}

interface Readout {
  readonly features: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** @returns shape `[B, features]` */
  readonly apply: (params: Tensors, x: Tensors) => Tensor;
}

/** What the head sees of all parameters' features. */
function readoutOf({ layout, fixed, channels }: NftEncoder, settings: NftSettings): Readout {
  if (settings.pool === 'perceiver') {
    const asked = perceiverOf(settings);
    return {
      features: asked.width,
      initialize: (stream) => perceiverParameters(prefixed, channels, asked, stream.split(prefixed)),
      apply: (params, x) => tf.mean(perceiver(params, prefixed, tokensOf(x, channels), asked), 1),
    };
  }
  const free = new Set([...layout.spaces.keys()].filter((space) => settings.pool === 'np' || !fixed.has(space)));
  return {
    features: pooledFeatures(layout, channels, free),
    initialize: () => ({}),
    apply: (_, x) => pool(layout, x, free),
  };
}

/** Every entry of every parameter as a token, kernel positions apart; shapes `[B, N, C]`. */
export const tokensOf = (x: Tensors, channels: number): Tensor[] =>
  Object.values(x).map((value) => tf.reshape(value, [value.shape[0]!, -1, channels]));

function check({ pool: pooling, dropout, latents, latentWidth, latentHeads, selfLayers }: NftSettings): void {
  if (!['hnp', 'np', 'perceiver'].includes(pooling))
    throw new MetanetError('nft', `pool must be hnp, np or perceiver, got '${pooling}'`);
  if (!(dropout >= 0 && dropout < 1)) throw new MetanetError('nft', `dropout must be in [0, 1), got ${dropout}`);
  for (const [name, value] of Object.entries({ latents, latentWidth, latentHeads })) {
    if (!Number.isInteger(value) || value < 1)
      throw new MetanetError('nft', `${name} must be a whole number above 0, got ${value}`);
  }
  if (!Number.isInteger(selfLayers) || selfLayers < 0)
    throw new MetanetError('nft', `selfLayers must be a whole number, 0 or more, got ${selfLayers}`);
}
