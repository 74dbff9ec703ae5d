/** @file An MLP for each element by itself. */
import { mapValues, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { TIME_FEATURES } from '../optimizers/features.ts';
import { networksIn } from '../optimizers/per-network.ts';
import { laterLayers, layerOf, pointMlpParameters, restOfPointMlp, withOnes } from '../optimizers/point-mlp.ts';
import type { ElementFeatures, ElementMap, MapOptions } from './element-map.ts';

/**
 * The time's share of the first layer is a bias, and scales are multiplied into its weights, since both are the same for all
 * elements of a tensor.
 *
 * Symmetry: equivariant to any order of a parameter's elements.
 * Source: Metz et al. 2020, learned_optimization's `MLPLOpt`. Departs: nothing.
 */
export function pointwiseMap({ inputs, outputs, width, hiddenLayers }: MapOptions): ElementMap {
  const sizes = [inputs + TIME_FEATURES, ...Array<number>(hiddenLayers).fill(width), outputs];
  return {
    initialize: (stream) => pointMlpParameters(sizes, stream),
    apply: (meta, x) => {
      const later = laterLayers(meta, hiddenLayers + 1, networksIn(x.values));
      return mapValues(firstLayer(meta, x), (first) => restOfPointMlp(first, later));
    },
  };
}

/** What the first of the point MLP's layers gives, before its ReLU, ones included; shape `[N, H + 1, P]`. */
export function firstLayer(meta: Tensors, { values, scales, time }: ElementFeatures): Tensors {
  const [weight, bias] = layerOf(meta, 1, networksIn(values));
  const [own, ofTime] = tf.split(weight, [weight.shape[2]! - TIME_FEATURES, TIME_FEATURES], 2) as [Tensor, Tensor];
  const now = tf.squeeze(tf.matMul(ofTime, tf.expandDims(time!, 2)), [2]);
  const moved = tf.add(bias, now) as Tensor;
  return mapValues(values, (x, name) => {
    const [N, , P] = x.shape as [number, number, number];
    const first = withOnes(scales ? tf.mul(own, tf.expandDims(scales[name]!, 1)) : own, moved);
    return tf.matMul(first, tf.concat([x, tf.ones([N, 1, P])], 1)) as Tensor;
  });
}
