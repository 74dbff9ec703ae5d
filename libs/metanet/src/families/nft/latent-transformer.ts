/** @file A transformer that classifies arrays. */
import { countDrawn, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { attention, joinHeads, splitHeads } from '../../layers/attention.ts';
import { constantParameter, dense, denseParameters } from '../../layers/dense.ts';
import { gelu } from '../../layers/gelu.ts';
import { normalize } from '../../layers/norms.ts';
import { MetanetError } from '../../metanet.ts';

export const latentTransformerSettings = {
  blocks: 2,
  width: 64,
  heads: 4,
  /** Hidden channels of the feed-forward layers, as a multiple of the width. */
  feedForward: 4,
  dropout: 0.1,
  /** Positions that the embedding has: the longest array. */
  positions: 64,
};
export type LatentTransformerSettings = typeof latentTransformerSettings;

/** The settings of the paper: 38,260,746 parameters on arrays of width 256 with 10 classes. */
export const latentTransformerPublished: LatentTransformerSettings = {
  ...latentTransformerSettings,
  blocks: 12,
  width: 512,
};

export interface LatentTransformer {
  readonly parameterCount: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** Dropout masks of one step. */
  readonly noise: (batch: number, stream: RandomStream) => NdArrays;
  /** @param z_bmd arrays; shape `[B, M, D]` @returns shape `[B, outputs]` */
  readonly apply: (params: Tensors, z_bmd: Tensor, noise?: Tensors) => Tensor;
}

/**
 * Blocks of self-attention and GELU layers, each behind a layer norm; two linear layers read the first token.
 *
 *     x = z · proj + position;  x = x + drop(MHA(LN x));  x = x + drop(FF(LN x));  y = relu(x_0 · in) · out
 *
 * Letters: B batch, M tokens, D their channels, H heads.
 *
 * @param shape M and D
 * @throws {MetanetError} on settings that aren't possible
 * Symmetry: none, since the places of the array are those of the picture.
 * Source: Zhou et al. 2023, arXiv:2305.13546, section 4 (classifier on latent arrays); blocks of Vaswani et al. 2017.
 * Departs: attention weights aren't dropped.
 */
export function latentTransformer(
  [M, D]: readonly [number, number],
  outputs: number,
  overrides: Partial<LatentTransformerSettings> = {},
): LatentTransformer {
  const settings = { ...latentTransformerSettings, ...overrides };
  check(M, settings);
  const { width, feedForward, positions } = settings;
  const blocks = Array.from({ length: settings.blocks }, (_, i) => `block${i + 1}`);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...denseParameters('proj', D, width, stream),
    positions: stream.split('positions').normal([positions, width]),
    ...(Object.assign({}, ...blocks.map((name) => blockParameters(name, width, feedForward, stream))) as NdArrays),
    ...denseParameters('in', width, width, stream),
    ...denseParameters('out', width, outputs, stream),
  });
  return {
    parameterCount: countDrawn(initialize),
    initialize,
    noise: (batch, stream) => noiseOf(blocks, [batch, M, width], settings, stream),
    apply: (params, z_bmd, noise) => {
      const place = tf.slice(params['positions']!, [0, 0], [M, width]);
      const start = tf.add(dense(params, 'proj', z_bmd), place) as Tensor;
      const x = blocks.reduce((y, name) => block(params, name, settings.heads, y, noise), start);
      const first: Tensor = tf.reshape(tf.slice(x, [0, 0, 0], [-1, 1, width]), [x.shape[0]!, width]);
      return dense(params, 'out', tf.relu(dense(params, 'in', first)));
    },
  };
}

function blockParameters(name: string, width: number, widening: number, stream: RandomStream): NdArrays {
  const norm = (label: string) => ({
    [`${label}.gain`]: constantParameter(1, [width]),
    [`${label}.shift`]: constantParameter(0, [width]),
  });
  return {
    ...norm(`${name}.norm1`),
    ...denseParameters(`${name}.qkv`, width, 3 * width, stream),
    ...denseParameters(`${name}.attended`, width, width, stream),
    ...norm(`${name}.norm2`),
    ...denseParameters(`${name}.widen`, width, widening * width, stream),
    ...denseParameters(`${name}.narrow`, widening * width, width, stream),
  };
}

function block(params: Tensors, name: string, heads: number, x: Tensor, noise?: Tensors): Tensor {
  const norm = (label: string, y: Tensor) =>
    tf.add(tf.mul(normalize(y, 'variance'), params[`${label}.gain`]!), params[`${label}.shift`]!);
  const drop = (label: string, y: Tensor): Tensor => {
    const mask = noise?.[`${name}.${label}`];
    return mask ? tf.mul(y, mask) : y;
  };
  const [q, k, v] = splitHeads(dense(params, `${name}.qkv`, norm(`${name}.norm1`, x)), heads, 3);
  const attended = dense(params, `${name}.attended`, joinHeads(attention(q!, k!, v!)));
  const middle: Tensor = tf.add(x, drop('attended', attended));
  const wide = drop('wide', gelu(dense(params, `${name}.widen`, norm(`${name}.norm2`, middle))));
  return tf.add(middle, drop('narrow', dense(params, `${name}.narrow`, wide)));
}

function noiseOf(
  blocks: readonly string[],
  [B, M, width]: readonly [number, number, number],
  { dropout, feedForward }: LatentTransformerSettings,
  stream: RandomStream,
): NdArrays {
  if (dropout === 0) return {};
  const mask = (label: string, channels: number): [string, NdArray] => {
    const kept = stream.split(label).bernoulli([B, M, channels], 1 - dropout);
    for (let i = 0; i < kept.data.length; i++) kept.data[i]! /= 1 - dropout;
    return [label, kept];
  };
  return Object.fromEntries(
    blocks.flatMap((name) => [
      mask(`${name}.attended`, width),
      mask(`${name}.wide`, feedForward * width),
      mask(`${name}.narrow`, width),
    ]),
  );
}

function check(M: number, { blocks, width, heads, feedForward, dropout, positions }: LatentTransformerSettings): void {
  const refuse = (problem: string) => new MetanetError('latent-transformer', problem);
  for (const [name, value] of Object.entries({ blocks, width, heads, feedForward, positions })) {
    if (!Number.isInteger(value) || value < 1) throw refuse(`${name} must be a whole number above 0, got ${value}`);
  }
  if (width % heads !== 0) throw refuse(`heads must divide the width ${width}, got ${heads}`);
  if (!(dropout >= 0 && dropout < 1)) throw refuse(`dropout must be in [0, 1), got ${dropout}`);
  if (M > positions) throw refuse(`positions must be at least the ${M} tokens of an array, got ${positions}`);
}
