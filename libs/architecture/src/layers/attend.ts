/** @file Multi-head attention of N stacked networks. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { linearStacked, stackShared } from '../stacked.ts';
import type { ApplyContext } from './layer-kind.ts';

export interface AttentionSettings {
  readonly size: number;
  readonly heads: number;
  readonly keyHeads: number;
  /** Channels of q and k in one head. */
  readonly keySize: number;
  /** Channels of v in one head. */
  readonly valueSize: number;
  readonly fused: boolean;
  readonly bias: boolean;
  readonly outBias: boolean;
  readonly causal: boolean;
  readonly rotary: 'none' | 'halves' | 'pairs';
  readonly rotaryBase: number;
}

/**
 * Letters: N networks, P points, T tokens of queries, S of keys, G key heads, Q query heads for each, D channels of a head.
 *
 * @returns gain · output; shape `[N, P, T, size]`
 */
export function attend(
  settings: AttentionSettings,
  params: Tensors,
  inputs: readonly Tensor[],
  gain: number,
  context: ApplyContext,
): Tensor {
  const { heads, keyHeads: G, keySize, valueSize, causal } = settings;
  const [q, k, v] = projections(settings, params, inputs, context);
  const [N, P, T] = q.shape as [number, number, number];
  const S = k.shape[2]!;
  const Q = heads / G;
  /** `[N, P, tokens, heads · D]` → `[N·P·heads, tokens, D]`. */
  const byHead = (x: Tensor, count: number, size: number) => {
    const tokens = x.shape[2]!;
    const apart = tf.reshape(x, [N * P, tokens, count, size]);
    return tf.reshape(tf.transpose(apart, [0, 2, 1, 3]), [N * P * count, tokens, size]);
  };
  const queries = tf.reshape(rotate(byHead(q, heads, keySize), settings), [N * P * G, Q * T, keySize]);
  const keys = rotate(byHead(k, G, keySize), settings);
  const scores = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(keySize));
  const seen = causal ? tf.reshape(tf.add(tf.reshape(scores, [N * P * heads, T, S]), future(T)), scores.shape) : scores;
  const read = tf.matMul(tf.softmax(seen), byHead(v, G, valueSize));
  const joined = tf.transpose(tf.reshape(read, [N * P, heads, T, valueSize]), [0, 2, 1, 3]);
  const scaled = (t: Tensor | undefined) => (t === undefined || gain === 1 ? t : tf.mul(t, gain));
  const { 'o.weight': weight, 'o.bias': bias } = params;
  return linearStacked(tf.reshape(joined, [N, P, T, heads * valueSize]), scaled(weight)!, scaled(bias), [T]);
}

function projections(
  { heads, keyHeads, keySize, valueSize, fused }: AttentionSettings,
  params: Tensors,
  inputs: readonly Tensor[],
  { count, inputs: described }: ApplyContext,
): [Tensor, Tensor, Tensor] {
  const stacked = inputs.map((x, i) => stackShared(x, described[i]!.positions, count));
  const project = (name: string, x: Tensor) =>
    linearStacked(x, params[`${name}.weight`]!, params[`${name}.bias`], [x.shape[2]!]);
  const [x, y = x, z = y] = stacked;
  if (!fused) return [project('q', x!), project('k', y!), project('v', z!)];
  const sizes = [heads * keySize, keyHeads * keySize, keyHeads * valueSize];
  return tf.split(project('qkv', x!), sizes, 3) as [Tensor, Tensor, Tensor];
}

/** What hides the tokens after each token: added to the scores `[…, T, T]`. */
const future = (tokens: number): Tensor =>
  tf.tensor2d(
    Array.from({ length: tokens * tokens }, (_, i) => (i % tokens > Math.floor(i / tokens) ? -1e9 : 0)),
    [tokens, tokens],
  );

/** Turns pair i of the channels of token t by t · base^(−2i / D); x `[B, T, D]`. */
function rotate(x: Tensor, { rotary, rotaryBase, keySize: D }: AttentionSettings): Tensor {
  if (rotary === 'none') return x;
  const [B, T] = x.shape as [number, number];
  const half = D / 2;
  const angles = Array.from({ length: T * half }, (_, at) => {
    return Math.floor(at / half) * rotaryBase ** ((-2 * (at % half)) / D);
  });
  const table = (f: (angle: number) => number) => tf.tensor(angles.map(f), [1, T, half]);
  const [cos, sin] = [table(Math.cos), table(Math.sin)];
  const pairs =
    rotary === 'halves' ? tf.reshape(x, [B, T, 2, half]) : tf.transpose(tf.reshape(x, [B, T, half, 2]), [0, 1, 3, 2]);
  const [a, b] = tf.unstack(pairs, 2) as [Tensor, Tensor];
  const turned = tf.stack([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(a, sin), tf.mul(b, cos))], 2);
  return tf.reshape(rotary === 'halves' ? turned : tf.transpose(turned, [0, 1, 3, 2]), [B, T, D]);
}
