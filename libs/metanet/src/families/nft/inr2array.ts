/** @file INR2Array: a network that draws a picture, as a small array and back. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { canonicalizeSigns } from '@weightspace/symmetry';

import { perceiver, perceiverParameters } from '../../layers/perceiver.ts';
import type { PerceiverSettings } from '../../layers/perceiver.ts';
import { MetanetError } from '../../metanet.ts';
import type { WeightFunction } from '../../metanet.ts';
import { hypernetwork, hypernetworkParameters } from './hypernetwork.ts';
import { nftEncoder } from './nft-encoder.ts';
import { tokensOf } from './nft.ts';
import { renderPatches } from './patches.ts';
import type { Picture } from './patches.ts';

export const inr2ArraySettings = {
  blocks: 2,
  /** Gaussian frequencies of the raw weights; the channels are twice as many. */
  frequencies: 32,
  /** Deviation of the frequencies, in periods per unit of a weight; with `normalize`, per root mean square. */
  frequencyScale: 0.3,
  heads: 4,
  feedForward: 2,
  channelDropout: 0,
  /** Divide each parameter by its root mean square over the training networks. */
  normalize: true,
  /** Choose signs and phases of neurons by a rule, so that neither has to be learnt; of use where activations have them. */
  canonicalSigns: false,
  /** How many vectors, and so networks, a network becomes: a square. */
  latents: 16,
  /** Length of each. */
  width: 64,
  /** `each` or `shared`: see `hypernetwork`. */
  decoder: 'each',
  hidden: 64,
  hiddenLayers: 1,
};
export type Inr2ArraySettings = typeof inr2ArraySettings;

/** The settings of the paper's MNIST model. */
export const inr2ArrayPublished: Inr2ArraySettings = {
  ...inr2ArraySettings,
  blocks: 6,
  frequencies: 128,
  frequencyScale: 3,
  normalize: false,
  feedForward: 4,
  width: 256,
  hidden: 256,
};

/** Gives the array `[B, M, D]`; traced, like all that it has. */
export interface Inr2Array extends WeightFunction<Tensor> {
  /** M and D. */
  readonly shape: readonly [number, number];
  /** @param z_bmd arrays @returns by parameter of the architecture; shape `[B, M, …shape]` */
  readonly decode: (params: Tensors, z_bmd: Tensor) => Record<string, Tensor>;
  /** What the decoded networks draw together. @returns shape `[B, pixels, outputs]` */
  readonly reconstruct: (
    params: Tensors,
    fixed: Tensors,
    weights: Tensors,
    picture: Picture,
    noise?: Tensors,
  ) => Tensor;
  /** What the networks themselves draw: the target of training. @returns shape `[B, pixels, outputs]` */
  readonly render: (weights: Tensors, picture: Picture) => Tensor;
}

const [NAME, LATENT, DECODER] = ['inr2array', 'latent', 'decoder'];

/**
 * An autoencoder of networks whose loss is in the picture.
 *
 *     Fourier features and positions, blocks of NFT, M latents that look at all of it: z_m
 *     decoding: M networks, each from one z_m; every pixel is drawn by the nearest
 *     loss: mean (picture of the M networks − picture of the network itself)²
 *
 * @throws {MetanetError} on settings that aren't possible, and where the network is no chain from two coordinates
 * Symmetry: the array is invariant to permutations of hidden neurons, and with canonicalSigns to their signs and phases.
 * Source: Zhou et al. 2023, "Neural Functional Transformers", arXiv:2305.13546, section 3.
 * Departs: nothing but what its layers say.
 */
export function inr2Array(architecture: Architecture, overrides: Partial<Inr2ArraySettings> = {}): Inr2Array {
  const settings = { ...inr2ArraySettings, ...overrides };
  check(architecture, settings);
  const { latents, width } = settings;
  const encoder = nftEncoder(NAME, architecture, settings);
  const asked: PerceiverSettings = {
    latents,
    width,
    crossHeads: 1,
    crossWidth: encoder.channels,
    selfLayers: 0,
    selfHeads: 1,
    selfWidth: width,
  };
  const initialize = (stream: RandomStream): NdArrays => ({
    ...encoder.initialize(stream.split('encoder')),
    ...perceiverParameters(LATENT, encoder.channels, asked, stream.split(LATENT)),
    ...hypernetworkParameters(DECODER, architecture, width, settings, stream.split(DECODER)),
  });
  const apply = (params: Tensors, fixed: Tensors, given: Tensors, noise?: Tensors): Tensor => {
    const weights = settings.canonicalSigns ? canonicalizeSigns(architecture, given) : given;
    return perceiver(params, LATENT, tokensOf(encoder.apply(params, fixed, weights, noise), encoder.channels), asked);
  };
  const decode = (params: Tensors, z_bmd: Tensor): Record<string, Tensor> => {
    const [B, M] = z_bmd.shape as [number, number];
    const flat = hypernetwork(params, DECODER, architecture, settings, tf.reshape(z_bmd, [B * M, width]));
    return mapValues(flat, (value) => tf.reshape(value, [B, M, ...value.shape.slice(1)]) as Tensor);
  };
  return {
    kind: NAME,
    architecture,
    shape: [latents, width],
    parameterCount: countDrawn(initialize),
    initialize,
    measure: encoder.measure,
    noise: encoder.noise,
    apply,
    decode,
    reconstruct: (params, fixed, weights, picture, noise) =>
      renderPatches(architecture, decode(params, apply(params, fixed, weights, noise)), picture),
    render: (weights, picture) =>
      renderPatches(
        architecture,
        mapValues(weights as Record<string, Tensor>, (w) => tf.expandDims(w, 1) as Tensor),
        picture,
      ),
  };
}

function check({ spec }: Architecture, settings: Inr2ArraySettings): void {
  const [input] = spec.inputs;
  if (spec.inputs.length !== 1 || input!.size !== 2 || (input!.positions ?? []).length > 0)
    throw new MetanetError(
      NAME,
      `takes networks from two coordinates, got inputs ${spec.inputs.map(({ name, size }) => `${name} of size ${size}`).join(', ')}`,
    );
  const { latents, width, decoder, hidden, hiddenLayers } = settings;
  for (const [name, value] of Object.entries({ latents, width, hidden, hiddenLayers })) {
    if (!Number.isInteger(value) || value < 1)
      throw new MetanetError(NAME, `${name} must be a whole number above 0, got ${value}`);
  }
  if (!Number.isInteger(Math.sqrt(latents)))
    throw new MetanetError(NAME, `latents must be a square, since their networks share a picture, got ${latents}`);
  if (!['each', 'shared'].includes(decoder))
    throw new MetanetError(NAME, `decoder must be each or shared, got '${decoder}'`);
}
