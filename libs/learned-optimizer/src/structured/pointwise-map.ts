/** @file An MLP for each element by itself. */
import { mapValues, stackedPointMlp, tf } from '@weightspace/compute';
import type { PointLayer, Tensor, Tensors } from '@weightspace/compute';

import { TIME_FEATURES } from '../optimizers/features.ts';
import { networksIn } from '../optimizers/per-network.ts';
import { layerOf, pointMlpParameters } from '../optimizers/point-mlp.ts';
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
      const layers = layersOf(meta, x, hiddenLayers + 1);
      return mapValues(x.values, (value, name) => stackedPointMlp(value, layers(name)));
    },
  };
}

/** Layers of the MLP, whose first is each parameter's own. @param depth layers in all @returns by name of a parameter */
export function layersOf(
  meta: Tensors,
  { values, scales, time }: ElementFeatures,
  depth: number,
): (name: string) => readonly PointLayer[] {
  const count = networksIn(values);
  const [{ weight, bias }, ...later] = Array.from({ length: depth }, (_, i) => {
    const [w, b] = layerOf(meta, i + 1, count);
    return { weight: w, bias: b };
  }) as [PointLayer, ...PointLayer[]];
  const [own, ofTime] = tf.split(weight, [weight.shape[2]! - TIME_FEATURES, TIME_FEATURES], 2) as [Tensor, Tensor];
  const moved: Tensor = tf.add(bias, tf.squeeze(tf.matMul(ofTime, tf.expandDims(time!, 2)), [2]));
  return (name) => {
    const first: Tensor = scales ? tf.mul(own, tf.expandDims(scales[name]!, 1)) : own;
    return [{ weight: first, bias: moved }, ...later];
  };
}
