import type { Architecture } from '@weightspace/architecture';
import { ndarray, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { AugmentationError } from './augmentation-error.ts';
import type { Augmentation } from './augmentation.ts';

/**
 * Translates the input by t, as seen by a random layer: what t becomes on the way there, taken as if there were no
 * activations, is added to that layer's bias.
 *
 *     b_l += W_l · … · W₁ · t,   l uniform in 1 … L
 *
 * Exact (an `input` map, as `translation`) for l = 1 alone.
 *
 * @param reach t is uniform in ±reach on each axis; published 0.25
 * @throws {AugmentationError} for networks that aren't one chain of linear layers with biases
 * Source: the published list of weight-space augmentations. Departs: nothing that is known.
 */
export const deepTranslation = (reach = 0.25): Augmentation => ({
  name: 'deep-translation',
  kind: 'approximate',
  draw: (architecture, batch, stream) => {
    const layers = chainOf(architecture);
    const shift = stream.split('shift').uniform([batch, architecture.spec.inputs[0]!.size], -reach, reach);
    const into = stream.split('layer');
    const mask = new Float32Array(batch * layers.length);
    for (let b = 0; b < batch; b++) mask[b * layers.length + into.integer(layers.length)] = 1;
    return { shift, mask: ndarray(mask, [batch, layers.length]) };
  },
  apply: (architecture, weights, draws) => {
    const changed: Record<string, Tensor> = {};
    let moved = tf.expandDims(draws['shift']!, 2);
    chainOf(architecture).forEach(({ weight, bias }, l) => {
      moved = tf.matMul(weights[weight]!, moved);
      const own_b1 = tf.slice(draws['mask']!, [0, l], [moved.shape[0]!, 1]);
      changed[bias] = tf.add(weights[bias]!, tf.mul(tf.squeeze(moved, [2]), own_b1)) as Tensor;
    });
    return { ...weights, ...changed };
  },
});

/** Weight and bias of each layer, from the input to the output. */
function chainOf({ spec, parameters }: Architecture): { readonly weight: string; readonly bias: string }[] {
  let value = spec.inputs[0]!.name;
  const fits = spec.inputs.length === 1 && spec.layers.length > 0;
  return spec.layers.map((layer) => {
    const own = (kind: string) => parameters.find((p) => p.layer === layer.name && p.kind === kind)?.name;
    const [weight, bias] = [own('weight'), own('bias')];
    if (!fits || layer.kind !== 'linear' || layer.inputs.join() !== value || !weight || !bias) {
      throw new AugmentationError(
        'deep-translation',
        `the network must be one chain of linear layers with biases, got '${layer.name}' (${layer.kind}); use translation`,
      );
    }
    value = layer.output;
    return { weight, bias };
  });
}
