/** @file The sub-layers of DWSNets between parameters that share one space: layers on the set of its neurons. */
import { tf } from '@weightspace/compute';
import type { RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { attend } from '../../layers/sets/attend.ts';
import { applyMaps, mapsParameters, parted } from './maps.ts';
import type { Maps, Parameters } from './maps.ts';
import type { SetGroup } from './plan.ts';

export const setLayers = ['attention', 'deep-sets'] as const;
export type SetLayer = (typeof setLayers)[number];

export interface SetSettings {
  readonly setLayer: SetLayer;
  readonly heads: number;
  /** Linear layers of each perceptron. */
  readonly perceptron: number;
  readonly initScale: number;
}

/** What one group's layers are called, and their widths. */
interface Widths {
  readonly name: string;
  readonly inputs: number;
  /** Of every target. */
  readonly width: number;
}

export const groupWidths = (layer: string, { from, space, targets }: SetGroup, c: number, d: number): Widths => ({
  name: `${layer}.${from.name}.${space}.${targets[0]!.folded}`,
  inputs: from.folded * c,
  width: targets[0]!.folded * d,
});

const PARTS = ['query', 'key', 'value'] as const;

const mapsOf = (
  { name, inputs, width }: Widths,
  part: string,
  { targets }: SetGroup,
  layers: number,
  bias: boolean,
): Maps => ({ name: `${name}.${part}`, inputs, widths: targets.map(() => width), layers, bias });

/**
 * Set attention: `<group>.{query,key,value}.{weight,bias}` and `<group>.out.{weight,bias}`, the last `[S, D, D]` for S
 * targets. Deep Sets: `<group>.self.{weight,bias}` and `<group>.pooled.weight`.
 */
export function setParameters(
  layer: string,
  group: SetGroup,
  [c, d]: readonly [number, number],
  settings: SetSettings,
  stream: RandomStream,
): Parameters {
  const widths = groupWidths(layer, group, c, d);
  const { initScale, perceptron } = settings;
  if (settings.setLayer === 'deep-sets') {
    return {
      ...mapsParameters(mapsOf(widths, 'self', group, perceptron, true), initScale, stream),
      ...mapsParameters(mapsOf(widths, 'pooled', group, perceptron, false), initScale, stream),
    };
  }
  const { width, name } = widths;
  const count = group.targets.length;
  const out = mapsParameters(
    { name: `${name}.out`, inputs: width, widths: group.targets.map(() => width), layers: 1, bias: true },
    initScale,
    stream,
  );
  return {
    ...(Object.assign(
      {},
      ...PARTS.map((part) => mapsParameters(mapsOf(widths, part, group, 1, true), initScale, stream)),
    ) as Parameters),
    ...out,
    [`${name}.out.weight`]: { ...out[`${name}.out.weight`]!, shape: [count, width, width] },
  };
}

/**
 * One layer on sets for each target of the group.
 *
 * @param x what they read; shape `[B, folded · C, N]`
 * @param pooled POOL of it over all neurons, which Deep Sets subtracts; shape `[B, folded · C]`
 * @returns by target; shape `[B, folded · D, N]`
 * Symmetry: equivariant to the order of the space's neurons.
 * Source: SAB without layer norm (arXiv:1810.00825, eq. 8) or Deep Sets' Γx − Λ POOL x (arXiv:1703.06114), as in
 *   Navon et al. 2023, arXiv:2301.12780, section 5. Departs: all attention blocks of a group are computed at once.
 */
export function applySets(
  params: Tensors,
  layer: string,
  group: SetGroup,
  [c, d]: readonly [number, number],
  settings: SetSettings,
  x: Tensor,
  pooled: () => Tensor,
): Tensor[] {
  const widths = groupWidths(layer, group, c, d);
  if (settings.setLayer === 'attention') {
    const shares = group.targets.map(() => widths.width);
    return parted(attentionBlocks(params, widths, shares.length, settings.heads, x), shares);
  }
  const maps = (part: string, bias: boolean) => mapsOf(widths, part, group, settings.perceptron, bias);
  const own = applyMaps(params, maps('self', true), x);
  const whole = applyMaps(params, maps('pooled', false), pooled());
  return own.map((y, i) => tf.sub(y, tf.expandDims(whole[i]!, 2)));
}

/** S blocks on one set; shape `[B, S · D, N]`. */
function attentionBlocks(params: Tensors, { name, width }: Widths, count: number, heads: number, x: Tensor): Tensor {
  const [batch, , members] = x.shape as [number, number, number];
  const split = [batch, count * heads, width / heads, members];
  const [q, k, v] = PARTS.map((part) => {
    const bias = params[`${name}.${part}.bias`]!;
    const y = tf.add(tf.matMul(params[`${name}.${part}.weight`]!, x), tf.reshape(bias, [bias.size, 1]));
    return tf.reshape(y, split) as Tensor;
  });
  const hidden = tf.reshape(tf.add(q!, attend(q!, k!, v!, 1 / Math.sqrt(width))), [batch, count, width, members]);
  const bias = tf.reshape(params[`${name}.out.bias`]!, [count, width, 1]);
  const fed = tf.relu(tf.add(tf.matMul(params[`${name}.out.weight`]!, hidden), bias));
  return tf.reshape(tf.add(hidden, fed), [batch, count * width, members]);
}
