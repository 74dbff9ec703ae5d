/** @file Equivariant linear layers on the tensors of any architecture. */
import { mapValues, tf } from '@weightspace/compute';
import type { RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { universalLinear, universalLinearParameters, universalPlan } from '@weightspace/metanet';

import { blockValues } from './block-features.ts';
import { biasAt, layerWidths, scaled, timeParameters, zeroed } from './element-map.ts';
import type { ElementFeatures, ElementMapFamily } from './element-map.ts';
import { placeParameters, tensorFeatures, trackedTensors, withPlaces } from './tensors.ts';

/**
 * A universal neural functional: equivariant linear layers with ReLUs between them, one map of channels for each way in which
 * elements of two tensors can share indices.
 *
 * Neurons of all layers permute, inputs and outputs too, so that no map depends on how many there are. Kernels are one axis, gates
 * another; both are permuted as well, but a vector for each place is learned and added to the features.
 *
 * Symmetry: equivariant to permutations of the neurons of every layer, within heads and of heads too.
 * Source: Zhou et al. 2024, "Universal Neural Functionals", arXiv:2402.05232, section 4.2 and its learned optimizer's code.
 * Departs: tensors' labels are those of the true symmetry group, from the architecture; time moves biases, which is the same as time among
 *   the features; a kernel's places are one axis.
 */
export const unfMap: ElementMapFamily = {
  kind: 'unf-lopt',
  source: "Zhou et al. 2024, arXiv:2402.05232; its learned optimizer's code",
  settings: {},
  bound:
    'it has maps for every pair of tensors: parameters, how their axes are shared, kernels and gates must be the same, but for sizes',
  create: (architecture, options) => {
    const tracked = trackedTensors(architecture);
    const plan = universalPlan(tracked.tensors);
    const widths = layerWidths(options);
    const last = `layer${widths.length}.`;
    const layer = (i: number, stream: RandomStream) => {
      const [inputs, outputs] = widths[i]!;
      return universalLinearParameters(`layer${i + 1}`, plan, { inputs, outputs }, stream);
    };
    return {
      initialize: (stream) => {
        const layers = Object.assign({}, ...widths.map((_, i) => layer(i, stream))) as ReturnType<typeof layer>;
        const moved = layers['layer1.bias']!.shape[0]!;
        const all = {
          ...placeParameters(tracked, options.inputs, stream),
          ...layers,
          ...timeParameters('layer1.time', options, moved, stream),
        };
        return options.zero ? zeroed(all, (name) => name.startsWith(last)) : all;
      },
      apply: (meta, x: ElementFeatures) => {
        const params = { ...meta, 'layer1.bias': biasAt(meta['layer1.bias']!, meta['layer1.time'], x.time) };
        let y: Tensors = withPlaces(meta, tracked, tensorFeatures(tracked, scaled(x)));
        widths.forEach((_, i) => {
          const active = i === 0 ? y : mapValues(y, (value) => tf.relu(value) as Tensor);
          y = universalLinear(params, `layer${i + 1}`, plan, active);
        });
        return blockValues(architecture, tracked.blocks, y);
      },
    };
  },
};
