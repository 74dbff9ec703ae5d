/** @file Cross-attention from a few learned latents to many tokens. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { attention, joinHeads, splitHeads } from './attention.ts';
import { constantParameter, dense, denseParameters, project } from './dense.ts';
import { gelu } from './gelu.ts';
import { normalize } from './norms.ts';

export interface PerceiverSettings {
  readonly latents: number;
  /** Channels of a latent. */
  readonly width: number;
  /** Of the cross-attention, and the channels of each. */
  readonly crossHeads: number;
  readonly crossWidth: number;
  /** Self-attention layers behind the cross-attention, their heads and the channels of each. */
  readonly selfLayers: number;
  readonly selfHeads: number;
  readonly selfWidth: number;
}

type Arrays = Record<string, NdArray<'float32'>>;

/** Hidden channels of the feed-forward layers, as a multiple of a latent's. */
const WIDENING = 4;

const normed = (name: string, width: number): Arrays => ({
  [`${name}.gain`]: constantParameter(1, [width]),
  [`${name}.shift`]: constantParameter(0, [width]),
});

function withoutBias(name: string, inputs: number, outputs: number, stream: RandomStream): Arrays {
  const weight = `${name}.weight`;
  return { [weight]: denseParameters(name, inputs, outputs, stream)[weight]! };
}

/** Parameters of `perceiver` on tokens of `channels`. */
export function perceiverParameters(
  name: string,
  channels: number,
  settings: PerceiverSettings,
  stream: RandomStream,
): Arrays {
  const { latents, width, crossHeads, crossWidth, selfLayers, selfHeads, selfWidth } = settings;
  const feedForward = (label: string): Arrays => ({
    ...normed(`${label}.norm`, width),
    ...denseParameters(`${label}.in`, width, 2 * WIDENING * width, stream),
    ...denseParameters(`${label}.out`, WIDENING * width, width, stream),
  });
  const attend = (label: string, from: number, inner: number): Arrays => ({
    ...normed(`${label}.norm`, width),
    ...withoutBias(`${label}.query`, width, inner, stream),
    ...withoutBias(`${label}.keyValue`, from, 2 * inner, stream),
    ...denseParameters(`${label}.out`, inner, width, stream),
  });
  return Object.assign(
    { [`${name}.latents`]: stream.split(name).normal([latents, width]) },
    normed(`${name}.cross.context`, channels),
    attend(`${name}.cross`, channels, crossHeads * crossWidth),
    feedForward(`${name}.feed`),
    ...Array.from({ length: selfLayers }, (_, i) => ({
      ...attend(`${name}.self${i}`, width, selfHeads * selfWidth),
      ...feedForward(`${name}.self${i}.feed`),
    })),
  ) as Arrays;
}

/**
 * M learned latents look at all tokens of a network, then at each other.
 *
 *     z = z + Attention(LN z, LN tokens);  z = z + FeedForward(LN z);  then the same with z as its own tokens
 *     FeedForward(z) = (a · gelu(b)) · out,  [a, b] = z · in
 *
 * The latents are the same for all networks, so keys and values aren't computed: softmax((q Kᵀ) tokensᵀ) tokens V is two
 * products with M · heads rows in place of two that map every token.
 *
 * Letters: B batch, N tokens, C their channels, M latents, D their channels, H heads.
 *
 * @param tokens parts of the set; shapes `[B, N_i, C]`
 * @returns shape `[B, M, D]`
 * Symmetry: invariant to the order of tokens.
 * Source: Jaegle et al. 2021, "Perceiver", arXiv:2103.03206, section 3.1; as used in arXiv:2305.13546, section 3.
 * Departs: one cross-attention (the published depth), and no dropout (0 in the published settings).
 */
export function perceiver(
  params: Tensors,
  name: string,
  tokens: readonly Tensor[],
  settings: PerceiverSettings,
): Tensor {
  const { selfLayers, selfHeads } = settings;
  let z = tf.add(params[`${name}.latents`]!, crossAttention(params, name, tokens, settings)) as Tensor;
  z = tf.add(z, feedForward(params, `${name}.feed`, z));
  for (let i = 0; i < selfLayers; i++) {
    const label = `${name}.self${i}`;
    const normal = norm(params, `${label}.norm`, z);
    const [q] = splitHeads(project(normal, params[`${label}.query.weight`]!), selfHeads);
    const [k, v] = splitHeads(project(normal, params[`${label}.keyValue.weight`]!), selfHeads, 2);
    z = tf.add(z, dense(params, `${label}.out`, joinHeads(attention(q!, k!, v!))));
    z = tf.add(z, feedForward(params, `${label}.feed`, z));
  }
  return z;
}

const norm = (params: Tensors, name: string, x: Tensor): Tensor =>
  tf.add(tf.mul(normalize(x, 'variance'), params[`${name}.gain`]!), params[`${name}.shift`]!);

function feedForward(params: Tensors, name: string, x: Tensor): Tensor {
  const [value, gate] = tf.split(dense(params, `${name}.in`, norm(params, `${name}.norm`, x)), 2, -1) as [
    Tensor,
    Tensor,
  ];
  return dense(params, `${name}.out`, tf.mul(value, gelu(gate)));
}

function crossAttention(
  params: Tensors,
  name: string,
  tokens: readonly Tensor[],
  { latents: M, crossHeads: H, crossWidth: d }: PerceiverSettings,
): Tensor {
  const label = `${name}.cross`;
  const contexts = tokens.map((x) => norm(params, `${label}.context`, x));
  const [B, , C] = tokens[0]!.shape as [number, number, number];
  const queries = project(norm(params, `${label}.norm`, params[`${name}.latents`]!), params[`${label}.query.weight`]!);
  const q_hmd = tf.transpose(tf.reshape(tf.mul(queries, 1 / Math.sqrt(d)), [M, H, d]), [1, 0, 2]);
  const [keys, values] = tf.split(params[`${label}.keyValue.weight`]!, 2, 1) as [Tensor, Tensor];
  const byHead = (w: Tensor): Tensor => tf.transpose(tf.reshape(w, [C, H, d]), [1, 0, 2]);
  const asked_hmc: Tensor = tf.matMul(q_hmd, byHead(keys), false, true);
  const asked_c = tf.transpose(tf.reshape(asked_hmc, [H * M, C]));
  const scores = contexts.map((x) => tf.transpose(project(x, asked_c), [0, 2, 1]));
  const weights = tf.softmax(scores.length === 1 ? scores[0]! : tf.concat(scores, 2)) as Tensor;
  const parts: Tensor[] =
    contexts.length === 1
      ? [weights]
      : tf.split(
          weights,
          contexts.map((x) => x.shape[1]!),
          2,
        );
  const seen = parts.map((w, i) => tf.matMul(w, contexts[i]!) as Tensor).reduce((a, b) => tf.add(a, b));
  const byHeads = tf.transpose(tf.reshape(seen, [B, H, M, C]), [1, 0, 2, 3]);
  const answers = tf.matMul(tf.reshape(byHeads, [H, B * M, C]), byHead(values));
  const joined = tf.transpose(tf.reshape(answers, [H, B, M, d]), [1, 2, 0, 3]);
  return dense(params, `${label}.out`, tf.reshape(joined, [B, M, H * d]));
}
