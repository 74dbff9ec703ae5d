/** @file Layers that see each parameter as the set of its elements. */
import { mapValues, ndarray, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { networksIn, perNetwork } from '../optimizers/per-network.ts';
import { biasAt, layerWidths, timeParameters, zeroed } from './element-map.ts';
import type { ElementFeatures, ElementMapFamily } from './element-map.ts';

/**
 * Deep Sets, one for the elements of a parameter within one for the parameters:
 *
 *     y_T = A x_T + B mean(x_T) + G mean over parameters of mean(x_T') + bias
 *
 * with ReLUs between layers. All parameters share A, B and G, so that meta-parameters fit every architecture. Without B and G it's the
 * MLP of `mlp-lopt`.
 *
 * Letters: N networks, C channels in, D channels out, P elements.
 *
 * Symmetry: equivariant to any order of a parameter's elements, and of parameters.
 * Source: Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, lemma 3; as the baseline of Zhou et al. 2024, arXiv:2402.05232, section
 *   4.2. Departs: a set of sets; the paper doesn't say whether tensors share maps.
 */
export const deepSetsMap: ElementMapFamily = {
  kind: 'deep-sets-lopt',
  source: 'Zaheer et al. 2017, arXiv:1703.06114, lemma 3; Zhou et al. 2024, arXiv:2402.05232, section 4.2',
  settings: {},
  bound: 'width and hiddenLayers must be those it was trained with; any architecture will do',
  create: (_, options) => {
    const widths = layerWidths(options);
    return {
      initialize: (stream) => {
        const layers = Object.assign(
          {},
          ...widths.map((_, i) => layerParameters(i + 1, widths[i]!, stream)),
        ) as ReturnType<typeof layerParameters>;
        const all = { ...layers, ...timeParameters('layer1.time', options, widths[0]![1], stream) };
        return options.zero ? zeroed(all, (name) => name.startsWith(`layer${widths.length}.`)) : all;
      },
      apply: (meta, x) => {
        let y: ElementFeatures = x;
        widths.forEach((_, i) => {
          const values = layer(meta, `layer${i + 1}`, y, i + 1 < widths.length);
          y = { values };
        });
        return y.values;
      },
    };
  },
};

/** `own`, `set` and `all` `[D, C]`: A, B and G, normals of deviation 1/√(3C). */
function layerParameters(layer: number, [inputs, outputs]: readonly [number, number], stream: RandomStream) {
  const draw = (part: string) =>
    stream.split(`layer${layer}.${part}`).normal([outputs, inputs], 0, 1 / Math.sqrt(3 * inputs));
  const named: Record<string, NdArray<'float32'>> = {};
  for (const part of ['own', 'set', 'all']) named[`layer${layer}.${part}`] = draw(part);
  named[`layer${layer}.bias`] = ndarray(new Float32Array(outputs), [outputs]);
  return named;
}

/** What all elements of a tensor get is their bias, which is part of the product. */
function layer(meta: Tensors, name: string, { values, scales, time }: ElementFeatures, active: boolean): Tensors {
  const count = networksIn(values);
  const weight = (part: string) => perNetwork(meta[`${name}.${part}`]!, count);
  const [own, ofSet, ofAll] = [weight('own'), weight('set'), weight('all')];
  const scaledBy = (x: Tensor, parameter: string): Tensor => (scales ? tf.mul(x, scales[parameter]!) : x);
  const means = mapValues(values, (x, parameter) => scaledBy(tf.mean(x, 2), parameter));
  const average = tf.mul(tf.addN(Object.values(means)), 1 / Object.keys(means).length);
  const times = (w_ndc: Tensor, x_nc: Tensor): Tensor => tf.squeeze(tf.matMul(w_ndc, tf.expandDims(x_nc, 2)), [2]);
  const bias = biasAt(meta[`${name}.bias`]!, meta[`${name}.time`], time);
  const shared = tf.add(times(ofAll, average), perNetwork(bias, count)) as Tensor;
  return mapValues(values, (x, parameter) => {
    const [N, , P] = x.shape as [number, number, number];
    const weights = scales ? tf.mul(own, tf.expandDims(scales[parameter]!, 1)) : own;
    const all = tf.concat([weights, tf.expandDims(tf.add(shared, times(ofSet, means[parameter]!)), 2)], 2);
    const y = tf.matMul(all, tf.concat([x, tf.ones([N, 1, P])], 1)) as Tensor;
    return active ? (tf.relu(y) as Tensor) : y;
  });
}
