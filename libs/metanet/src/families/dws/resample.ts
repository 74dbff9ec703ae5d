/** @file Around a DWS layer: skips, and fewer dimensions for wide inputs. */
import { tf } from '@weightspace/compute';
import type { RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter } from '../../layers/dense.ts';
import { poolSet } from '../../layers/sets/pool-set.ts';
import { mapsParameters } from './maps.ts';
import type { Parameters } from './maps.ts';
import type { DwsTensor } from './plan.ts';

/** `<name>.weight` `[D, C]`, all 1/√(C·D), and `<name>.bias` 0, as in the public code. */
export const skipParameters = (name: string, channels: number, outputs: number): Parameters => ({
  [`${name}.weight`]: constantParameter(1 / Math.sqrt(channels * outputs), [outputs, channels]),
  [`${name}.bias`]: constantParameter(0, [outputs]),
});

/** A linear map of the channels of every entry. @param x `[B, F · C, …sizes]` @returns `[B, F · D, …sizes]` */
export function channelMap(params: Tensors, name: string, x: Tensor): Tensor {
  const weight = params[`${name}.weight`]!;
  const [outputs, channels] = weight.shape as [number, number];
  const folded = x.shape[1]! / channels;
  const [batch, , ...sizes] = x.shape as [number, number, ...number[]];
  const flat: Tensor = tf.reshape(x, [batch * folded, channels, x.size / (batch * folded * channels)]);
  const y: Tensor = tf.add(tf.matMul(weight, flat), tf.reshape(params[`${name}.bias`]!, [outputs, 1]));
  return tf.reshape(y, [batch, folded * outputs, ...sizes]);
}

/** `<name>.self.{weight,bias}`, `<name>.pooled.weight` and `<name>.query`. */
export function resampleParameters(
  name: string,
  from: number,
  to: number,
  scale: number,
  stream: RandomStream,
): Parameters {
  const maps = (part: string, bias: boolean) =>
    mapsParameters({ name: `${name}.${part}`, inputs: from, widths: [to], layers: 1, bias }, scale, stream);
  return { ...maps('self', true), ...maps('pooled', false), [`${name}.query`]: constantParameter(1, [from]) };
}

/**
 * Deep Sets over the first hidden neurons, whose features are the weights from all inputs; each channel by itself.
 *
 *     y[:,c,n] = Γ x[:,c,n] + bias − Λ Σ_m softmax_m(query·x[:,c,m]) x[:,c,m]
 *
 * Letters: B batch, F inputs (folded), G what they become, C channels, N neurons.
 *
 * @param x shape `[B, F · C, N]` @returns shape `[B, G · C, N]`
 * Symmetry: equivariant to the order of neurons.
 * Source: Navon et al. 2023, arXiv:2301.12780, appendix on wide inputs; the public code's pooling. Departs: nothing.
 */
export function resample(params: Tensors, name: string, x: Tensor, folded: number): Tensor {
  const [batch, width, members] = x.shape as [number, number, number];
  const channels = width / folded;
  const view: Tensor = tf.reshape(x, [batch, folded, channels, members]);
  const pooled = poolSet('attention', view, 3, 1, params[`${name}.query`]);
  const map = (part: string, y: Tensor): Tensor => {
    const weight = params[`${name}.${part}.weight`]!;
    const product = tf.matMul(weight, tf.reshape(y, [batch, folded, y.size / (batch * folded)]));
    return tf.reshape(product, [batch, weight.shape[0]!, channels, y.shape[3]!]);
  };
  const bias = params[`${name}.self.bias`]!;
  const own = tf.add(map('self', view), tf.reshape(bias, [bias.size, 1, 1]));
  return tf.reshape(tf.sub(own, map('pooled', pooled)), [batch, bias.size * channels, members]);
}

/** Whether a parameter's inputs are resampled: it reads the network's input and writes one hidden space. */
export const isWide = ({ input, spaces }: DwsTensor): boolean => input && spaces.length === 1;
