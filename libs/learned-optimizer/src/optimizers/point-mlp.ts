/**
 * @file An MLP that is applied to every element of a parameter: features `[N, C, P]`, channels before elements, so that
 * features lie end to end.
 *
 * Biases are part of the products: a channel of ones is the last of the features, and goes on through the hidden layers, whose
 * ReLU leaves it as it is. What saves a pass over the memory for each layer, which is what limits.
 */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { perNetwork } from './per-network.ts';

/**
 * `layer<i>.weight` `[out, in]`, truncated normals of deviation 1/√in, and `layer<i>.bias` `[out]`, 0.
 *
 * Source: Haiku's `Linear`. Departs: weights are `[out, in]`.
 */
export function pointMlpParameters(sizes: readonly number[], stream: RandomStream): NdArrays {
  const named = sizes.slice(1).flatMap((out, i) => {
    const read = sizes[i]!;
    const own = stream.split(`layer${i + 1}`);
    return [
      [`layer${i + 1}.weight`, ndarray(truncatedNormals(own, out * read, 1 / Math.sqrt(read)), [out, read])],
      [`layer${i + 1}.bias`, ndarray(new Float32Array(out), [out])],
    ] as const;
  });
  return Object.fromEntries(named);
}

/** Normals cut at two deviations, by drawing again. */
function truncatedNormals(stream: RandomStream, count: number, deviation: number): Float32Array {
  const data = new Float32Array(count);
  for (let i = 0; i < count;) {
    for (const value of stream.normalPair()) if (Math.abs(value) <= 2 && i < count) data[i++] = value * deviation;
  }
  return data;
}

/**
 * A layer's weights with its bias as the last column, and a row that writes the ones that the next layer's bias needs.
 *
 * @param weight_nhc shape `[N, H, C]` @param bias_nh shape `[N, H]` @returns shape `[N, H + 1, C + 1]`
 */
export function withOnes(weight_nhc: Tensor, bias_nh: Tensor): Tensor {
  const [N, , C] = weight_nhc.shape as [number, number, number];
  const row = tf.concat([tf.zeros([N, 1, C]), tf.ones([N, 1, 1])], 2);
  return tf.concat([withBias(weight_nhc, bias_nh), row], 1);
}

const withBias = (weight_nhc: Tensor, bias_nh: Tensor): Tensor => tf.concat([weight_nhc, tf.expandDims(bias_nh, 2)], 2);

/** Weight and bias of a layer, for each network; shapes `[N, out, in]` and `[N, out]`. */
export const layerOf = (meta: Tensors, layer: number, count: number): readonly [weight: Tensor, bias: Tensor] => [
  perNetwork(meta[`layer${layer}.weight`]!, count),
  perNetwork(meta[`layer${layer}.bias`]!, count),
];

/** Layers behind the first, as matrices with their biases, so that all parameters share them. @param depth layers in all */
export const laterLayers = (meta: Tensors, depth: number, count: number): readonly Tensor[] =>
  Array.from({ length: depth - 1 }, (_, i) => {
    const [weight, bias] = layerOf(meta, i + 2, count);
    return i + 2 === depth ? withBias(weight, bias) : withOnes(weight, bias);
  });

/** @param first_nhp what the first layer gives, before its ReLU, ones included @returns shape `[N, out, P]` */
export const restOfPointMlp = (first_nhp: Tensor, later: readonly Tensor[]): Tensor =>
  later.reduce((x, weight) => tf.matMul(weight, tf.relu(x)), first_nhp);
