/** @file Layer norms of features by parameter. */
import { tf } from '@weightspace/compute';
import type { NdArray, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter } from './dense.ts';
import type { Layout, TensorLayout } from '../blocks/layout.ts';

/**
 * Over what an entry is normalized.
 *
 * `channel`: its C channels, with one gain and shift for all parameters (`ChannelLayerNorm`).
 * `simple`: its channels and what is folded into them, with a gain and shift for each parameter (`SimpleLayerNorm`).
 * `param`: the same, together with the axes of inputs and outputs (`ParamLayerNorm`).
 */
export type NormKind = 'channel' | 'simple' | 'param';
export const normKinds: readonly NormKind[] = ['channel', 'simple', 'param'];

/** What is added to the deviation, or under the root to the variance. */
const EPSILON = 1e-5;

/** Positions, in a tensor's features, of the axes of inputs and outputs. */
const fixedAxesOf = (t: TensorLayout, fixed: ReadonlySet<string>): number[] =>
  t.spaces.flatMap((space, i) => (fixed.has(space) ? [i + 1] : []));

/** `<name>.gain` and `<name>.shift`, or `<name>.<tensor>.gain` and `.shift` for each tensor. */
export function normParameters(
  kind: NormKind,
  name: string,
  layout: Layout,
  channels: number,
  fixed: ReadonlySet<string> = new Set(),
): Record<string, NdArray<'float32'>> {
  const pair = (label: string, shape: readonly number[]) => [
    [`${label}.gain`, constantParameter(1, shape)],
    [`${label}.shift`, constantParameter(0, shape)],
  ];
  const shapeOf = (t: TensorLayout): number[] => {
    const kept = kind === 'param' ? fixedAxesOf(t, fixed) : [];
    return [...t.spaces.map((space, i) => (kept.includes(i + 1) ? layout.spaces.get(space)! : 1)), t.folded * channels];
  };
  const all =
    kind === 'channel' ? [pair(name, [channels])] : layout.tensors.map((t) => pair(`${name}.${t.name}`, shapeOf(t)));
  return Object.fromEntries(all.flat()) as Record<string, NdArray<'float32'>>;
}

/**
 * Normalizes every entry of every parameter, then scales and shifts it.
 *
 *     channel, simple:  y = (x − mean) / (deviation + ε) · gain + shift      deviation with n − 1
 *     param:            y = (x − mean) / √(variance + ε) · gain + shift      variance with n
 *
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]`
 * @param fixed spaces of inputs and outputs, for `param`
 * @returns the same shapes
 * Symmetry: equivariant to permutations of the layout's spaces; with `param`, of those that aren't in `fixed`.
 * Source: `ChannelLayerNorm`, `SimpleLayerNorm` and `ParamLayerNorm` of the code of Zhou et al. 2023, arXiv:2302.14040.
 * Departs: a single channel is normalized to 0, not to NaN; `channel` takes kernels, position by position.
 */
export function layerNorms(
  kind: NormKind,
  params: Tensors,
  name: string,
  layout: Layout,
  x: Tensors,
  fixed: ReadonlySet<string> = new Set(),
): Record<string, Tensor> {
  const affine = (label: string, y: Tensor) => tf.add(tf.mul(y, params[`${label}.gain`]!), params[`${label}.shift`]!);
  return Object.fromEntries(
    layout.tensors.map((t): [string, Tensor] => {
      const value = x[t.name]!;
      if (kind === 'simple') return [t.name, affine(`${name}.${t.name}`, normalize(value, 'deviation'))];
      if (kind === 'channel') {
        const entries = tf.reshape(value, [...value.shape.slice(0, -1), t.folded, value.shape.at(-1)! / t.folded]);
        return [t.name, tf.reshape(affine(name, normalize(entries, 'deviation')), value.shape)];
      }
      const axes = [...fixedAxesOf(t, fixed), value.rank - 1];
      const y = axes.length === 1 ? normalize(value, 'variance') : normalizeOver(value, axes);
      return [t.name, affine(`${name}.${t.name}`, y)];
    }),
  );
}

function normalizeOver(x: Tensor, axes: number[]): Tensor {
  const centred = tf.sub(x, tf.mean(x, axes, true));
  return tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes, true), EPSILON)));
}

/**
 * Mean 0 and deviation 1 over the last axis; `variance` is what `nn.LayerNorm` does.
 *
 * The gradient is written out, since the chain rule over the steps takes three times as many passes.
 */
export function normalize(x: Tensor, by: 'variance' | 'deviation'): Tensor {
  const size = x.shape.at(-1)!;
  const freedom = by === 'deviation' ? Math.max(1, size - 1) : size;
  const withGradient = tf.customGrad((given: unknown, save: unknown) => {
    const z = given as Tensor;
    const centred = tf.sub(z, tf.mean(z, -1, true));
    const variance = tf.div(tf.sum(tf.square(centred), -1, true), freedom);
    const deviation = tf.sqrt(variance);
    const scale = by === 'deviation' ? tf.reciprocal(tf.add(deviation, EPSILON)) : tf.rsqrt(tf.add(variance, EPSILON));
    const value = tf.mul(centred, scale);
    // Of d scale / d deviation: the denominator is the deviation itself for one, the root with ε for the other.
    const turn = by === 'deviation' ? tf.reciprocal(tf.add(deviation, 1e-12)) : scale;
    (save as (tensors: Tensor[]) => void)([value, scale, tf.div(turn, freedom)] as Tensor[]);
    return { value, gradFunc: normalizeGradient as never };
  });
  return withGradient(x) as Tensor;
}

function normalizeGradient(dy: Tensor, [y, scale, turn]: readonly [Tensor, Tensor, Tensor]): Tensor {
  const along = tf.mul(tf.sum(tf.mul(dy, y), -1, true), turn);
  const straight = tf.mul(tf.sub(dy, tf.mean(dy, -1, true)), scale);
  return tf.sub(straight, tf.mul(y, along));
}
