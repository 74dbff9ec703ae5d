/** @file The sub-layers of DWSNets between parameters that share one space: layers on the set of its neurons. */
import { ndarray, tf } from '@weightspace/compute';
import type { RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { attend } from '../../layers/sets/attend.ts';
import { affine, applyMaps, BIAS, mapsParameters, parted, rowBlocks } from './maps.ts';
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

const mapsOf = (
  { name, inputs, width }: Widths,
  part: string,
  { targets }: SetGroup,
  layers: number,
  bias: boolean,
): Maps => ({ name: `${name}.${part}`, inputs, widths: targets.map(() => width), layers, bias });

/**
 * Set attention, for S targets: `<group>.read.weight` `[3, S · D, C]` of queries, keys and values, `<group>.out.weight`
 * `[S, D, D]`, and `<group>.bias` `[4, S · D]` of all four; few arrays, since an optimizer has a fixed cost for each.
 * Deep Sets: `<group>.self.{weight,bias}` and `<group>.pooled.weight`.
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
  const { width, name, inputs } = widths;
  const count = group.targets.length;
  const own = stream.split(name);
  const rows = (times: number) => Array<number>(times * count).fill(width);
  return {
    [`${name}.read.weight`]: ndarray(rowBlocks(rows(3), inputs, initScale, own.split('read')).data, [
      3,
      count * width,
      inputs,
    ]),
    [`${name}.out.weight`]: ndarray(rowBlocks(rows(1), width, initScale, own.split('out')).data, [count, width, width]),
    [`${name}.bias`]: own.split('bias').uniform([4, count * width], -BIAS, BIAS),
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
    return attentionBlocks(params, widths, group.targets.length, settings.heads, x);
  }
  const maps = (part: string, bias: boolean) => mapsOf(widths, part, group, settings.perceptron, bias);
  const own = applyMaps(params, maps('self', true), x);
  const whole = applyMaps(params, maps('pooled', false), pooled());
  return own.map((y, i) => tf.sub(y, tf.expandDims(whole[i]!, 2)));
}

/**
 * S blocks on one set; shapes `[B, D, N]`. What they read is one product. The rest is done block by block: scores of one
 * block fit into the caches, and those of three take a fifth longer.
 */
function attentionBlocks(params: Tensors, { name, width }: Widths, count: number, heads: number, x: Tensor): Tensor[] {
  const [batch, inputs, members] = x.shape as [number, number, number];
  const all = 3 * count * width;
  const [own, fed] = tf.split(params[`${name}.bias`]!, [3, 1], 0) as [Tensor, Tensor];
  const weight: Tensor = tf.reshape(params[`${name}.read.weight`]!, [all, inputs]);
  const read = tf.split(affine(weight, tf.reshape(own, [all]), x), 3 * count, 1);
  const ofHeads = (part: number): Tensor => tf.reshape(read[part]!, [batch, heads, width / heads, members]);
  const out = params[`${name}.out.weight`]!;
  const weights = count === 1 ? [out] : tf.split(out, count, 0);
  const biases = parted(fed, Array<number>(count).fill(width));
  return weights.map((square, i): Tensor => {
    const taken = attend(ofHeads(i), ofHeads(count + i), ofHeads(2 * count + i), 1 / Math.sqrt(width));
    const hidden: Tensor = tf.add(read[i]!, tf.reshape(taken, [batch, width, members]));
    return tf.add(hidden, tf.relu(affine(tf.reshape(square, [width, width]), tf.reshape(biases[i]!, [width]), hidden)));
  });
}
