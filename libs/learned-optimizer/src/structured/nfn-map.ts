/** @file The layers of NFN-NP, for networks without heads and recurrence. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, tf } from '@weightspace/compute';
import type { RandomStream, Tensor, Tensors } from '@weightspace/compute';
import {
  equivariantLinear,
  equivariantLinearParameters,
  fold,
  layoutOf,
  MetanetError,
  unfold,
} from '@weightspace/metanet';
import type { Layout } from '@weightspace/metanet';

import { LearnedOptimizerError } from '../kinds.ts';
import { blockFeatures, blockValues } from './block-features.ts';
import { biasAt, layerWidths, scaled, timeParameters, zeroed } from './element-map.ts';
import type { ElementMapFamily } from './element-map.ts';

/**
 * A neural functional: NP layers with ReLUs between them. As `unf-lopt` for networks of which every weight has two spaces, but places
 * of kernels, and flattened positions, are channels: each pair of places has maps of its own.
 *
 * Symmetry: equivariant to permutations of the neurons of every layer, inputs and outputs too.
 * Source: Zhou et al. 2023, "Permutation Equivariant Neural Functionals", arXiv:2302.14040, eq. 5; as an optimizer, Zhou et al. 2024,
 *   arXiv:2402.05232, section 4.2. Departs: takes residual networks, of which it sees the true spaces.
 */
export const nfnMap: ElementMapFamily = {
  kind: 'nfn-lopt',
  source: 'Zhou et al. 2023, arXiv:2302.14040, eq. 5; Zhou et al. 2024, arXiv:2402.05232, section 4.2',
  settings: {},
  bound:
    'it has maps for every pair of tensors: parameters, how their axes are shared, and kernels must be the same, but for widths',
  create: (architecture, options) => {
    const layout = layoutFor(architecture);
    const widths = layerWidths(options);
    const last = `layer${widths.length}.`;
    const layer = (i: number, stream: RandomStream) =>
      equivariantLinearParameters(`layer${i + 1}`, layout, widths[i]![0], widths[i]![1], stream);
    return {
      initialize: (stream) => {
        const layers = Object.assign({}, ...widths.map((_, i) => layer(i, stream))) as ReturnType<typeof layer>;
        const moved = layers['layer1.bias']!.shape[0]!;
        const all = { ...layers, ...timeParameters('layer1.time', options, moved, stream) };
        return options.zero ? zeroed(all, (name) => name.startsWith(last)) : all;
      },
      apply: (meta, x) => {
        const params = { ...meta, 'layer1.bias': biasAt(meta['layer1.bias']!, meta['layer1.time'], x.time) };
        const parts = blockFeatures(layout.blocks, scaled(x));
        let y: Tensors = Object.fromEntries(layout.tensors.map((t) => [t.name, fold(t, parts[t.name]!)]));
        widths.forEach((_, i) => {
          const active = i === 0 ? y : mapValues(y, (value) => tf.relu(value) as Tensor);
          y = equivariantLinear(params, `layer${i + 1}`, layout, active);
        });
        const values = Object.fromEntries(layout.tensors.map((t) => [t.name, unfold(t, y[t.name]!)]));
        return blockValues(architecture, layout.blocks, values);
      },
    };
  },
};

function layoutFor(architecture: Architecture): Layout {
  try {
    return layoutOf('nfn-lopt', architecture, 'all');
  } catch (error) {
    if (!(error instanceof MetanetError)) throw error;
    throw new LearnedOptimizerError('nfn-lopt', error.message.slice('nfn-lopt: '.length));
  }
}
