/** @file The blocks of the Set Transformer. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter, dense, denseParameters } from '../dense.ts';
import { layerNorm } from '../probe-features.ts';
import { attend } from './attend.ts';

export interface AttentionSettings {
  readonly heads: number;
  /** Layer norm after the attention and after the feed-forward part. */
  readonly norm: boolean;
}

type Parameters = Record<string, NdArray<'float32'>>;

/** `<name>.{query,key,value,out}.{weight,bias}`, and with norms `<name>.{norm0,norm1}.{gain,shift}`. */
export function mabParameters(
  name: string,
  [queries, keys, outputs]: readonly [queries: number, keys: number, outputs: number],
  { norm }: AttentionSettings,
  stream: RandomStream,
): Parameters {
  const norms = ['norm0', 'norm1'].flatMap((part) => [
    [`${name}.${part}.gain`, constantParameter(1, [outputs])] as const,
    [`${name}.${part}.shift`, constantParameter(0, [outputs])] as const,
  ]);
  return {
    ...denseParameters(`${name}.query`, queries, outputs, stream),
    ...denseParameters(`${name}.key`, keys, outputs, stream),
    ...denseParameters(`${name}.value`, keys, outputs, stream),
    ...denseParameters(`${name}.out`, outputs, outputs, stream),
    ...(norm ? Object.fromEntries(norms) : {}),
  };
}

/**
 * Multihead attention block: the members of one set ask those of another.
 *
 *     H = LN(Q + multihead(Q, K, V)),  MAB(X, Y) = LN(H + ReLU(H · out)),  Q = X · query, K = Y · key, V = Y · value
 *
 * Letters: B batch, N members of X, M members of Y, C and K their channels, D channels out.
 *
 * @param x_bnc shape `[B, N, C]` @param y_bmk shape `[B, M, K]`
 * @param mask_bm 1 for members of Y that are there, 0 for padding; shape `[B, M]`
 * @returns shape `[B, N, D]`
 * Symmetry: equivariant to the order of X's members, invariant to that of Y's.
 * Source: Lee et al. 2019, "Set Transformer", arXiv:1810.00825, eq. 6 and 7.
 * Departs: as the authors' code, the residual starts from the projected queries, scores are divided by √D, not by the
 *   root of a head's width, heads aren't mixed by a matrix of their own, and the feed-forward part is one layer.
 */
export function mab(
  params: Tensors,
  name: string,
  x_bnc: Tensor,
  y_bmk: Tensor,
  { heads, norm }: AttentionSettings,
  mask_bm?: Tensor,
): Tensor {
  const [batch, members] = y_bmk.shape as [number, number];
  const ofHeads = (part: string, x: Tensor) => {
    const y = tf.add(tf.matMul(params[`${name}.${part}.weight`]!, x, true, true), column(params, `${name}.${part}`));
    return tf.reshape(y, [y.shape[0]!, heads, y.shape[1]! / heads, y.shape[2]!]) as Tensor;
  };
  const q = ofHeads('query', x_bnc);
  const width = heads * q.shape[2]!;
  const mask = mask_bm && (tf.reshape(mask_bm, [batch, 1, members, 1]) as Tensor);
  const taken = attend(q, ofHeads('key', y_bmk), ofHeads('value', y_bmk), 1 / Math.sqrt(width), mask);
  const sum = tf.reshape(tf.add(q, taken), [batch, width, x_bnc.shape[1]!]);
  const normed = (part: string, x: Tensor) =>
    norm ? layerNorm(x, params[`${name}.${part}.gain`]!, params[`${name}.${part}.shift`]!) : x;
  const hidden = normed('norm0', tf.transpose(sum, [0, 2, 1]));
  return normed('norm1', tf.add(hidden, tf.relu(dense(params, `${name}.out`, hidden))));
}

const column = (params: Tensors, name: string): Tensor => {
  const bias = params[`${name}.bias`]!;
  return tf.reshape(bias, [bias.size, 1]);
};

export const sabParameters = (
  name: string,
  inputs: number,
  outputs: number,
  settings: AttentionSettings,
  stream: RandomStream,
): Parameters => mabParameters(name, [inputs, inputs, outputs], settings, stream);

/**
 * Set attention block: SAB(X) = MAB(X, X).
 *
 * @param x_bnc shape `[B, N, C]` @param mask_bn shape `[B, N]` @returns shape `[B, N, D]`
 * Symmetry: equivariant to permutations of the members.
 * Source: Lee et al. 2019, arXiv:1810.00825, eq. 8. Departs: as `mab`.
 */
export const sab = (
  params: Tensors,
  name: string,
  x_bnc: Tensor,
  settings: AttentionSettings,
  mask_bn?: Tensor,
): Tensor => mab(params, name, x_bnc, x_bnc, settings, mask_bn);

/** Those of two blocks, and `<name>.points`: inducing points. @param points how many there are */
export function isabParameters(
  name: string,
  [inputs, outputs, points]: readonly [inputs: number, outputs: number, points: number],
  settings: AttentionSettings,
  stream: RandomStream,
): Parameters {
  return {
    [`${name}.points`]: pointsParameter(name, points, outputs, stream),
    ...mabParameters(`${name}.gather`, [outputs, inputs, outputs], settings, stream),
    ...mabParameters(`${name}.spread`, [inputs, outputs, outputs], settings, stream),
  };
}

/**
 * Set attention through a few learned points, so that its cost is linear in the number of members.
 *
 *     ISAB(X) = MAB(X, MAB(points, X))
 *
 * @param x_bnc shape `[B, N, C]` @param mask_bn shape `[B, N]` @returns shape `[B, N, D]`
 * Symmetry: equivariant to permutations of the members.
 * Source: Lee et al. 2019, arXiv:1810.00825, eq. 9 and 10. Departs: as `mab`.
 */
export function isab(
  params: Tensors,
  name: string,
  x_bnc: Tensor,
  settings: AttentionSettings,
  mask_bn?: Tensor,
): Tensor {
  const points = repeated(params[`${name}.points`]!, x_bnc.shape[0]!);
  return mab(
    params,
    `${name}.spread`,
    x_bnc,
    mab(params, `${name}.gather`, points, x_bnc, settings, mask_bn),
    settings,
  );
}

/** @param seeds vectors that come out */
export function pmaParameters(
  name: string,
  [channels, seeds]: readonly [channels: number, seeds: number],
  settings: AttentionSettings,
  stream: RandomStream,
): Parameters {
  return {
    [`${name}.seeds`]: pointsParameter(name, seeds, channels, stream),
    ...denseParameters(`${name}.feed`, channels, channels, stream),
    ...mabParameters(`${name}.pool`, [channels, channels, channels], settings, stream),
  };
}

/**
 * Pooling by multihead attention: learned seeds ask the members.
 *
 *     PMA(X) = MAB(seeds, rFF(X)),  rFF(X) = ReLU(X · feed)
 *
 * @param x_bnc shape `[B, N, C]` @param mask_bn shape `[B, N]` @returns shape `[B, seeds, C]`
 * Symmetry: invariant to permutations of the members.
 * Source: Lee et al. 2019, arXiv:1810.00825, eq. 11. Departs: as `mab`.
 */
export function pma(
  params: Tensors,
  name: string,
  x_bnc: Tensor,
  settings: AttentionSettings,
  mask_bn?: Tensor,
): Tensor {
  const seeds = repeated(params[`${name}.seeds`]!, x_bnc.shape[0]!);
  const fed = tf.relu(dense(params, `${name}.feed`, x_bnc)) as Tensor;
  return mab(params, `${name}.pool`, seeds, fed, settings, mask_bn);
}

/** Xavier's uniform start, as the authors' code has for seeds and inducing points. */
function pointsParameter(name: string, count: number, channels: number, stream: RandomStream): NdArray<'float32'> {
  const bound = Math.sqrt(6 / (count + channels));
  return stream.split(`${name}.points`).uniform([1, count, channels], -bound, bound);
}

const repeated = (points: Tensor, batch: number): Tensor =>
  tf.broadcastTo(points, [batch, points.shape[1]!, points.shape[2]!]);
