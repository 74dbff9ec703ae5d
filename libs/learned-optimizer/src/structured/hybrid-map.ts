/** @file An MLP for each element by itself, whose last layer is joined by a structured one. */
import { mapValues, tf, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Settings } from '../kinds.ts';
import { TIME_FEATURES } from '../optimizers/features.ts';
import { networksIn } from '../optimizers/per-network.ts';
import { laterLayers, pointMlpParameters, restOfPointMlp } from '../optimizers/point-mlp.ts';
import type { ElementMapFamily } from './element-map.ts';
import { firstLayer } from './pointwise-map.ts';

const PREFIX = 'structure.';

/**
 * What one structured layer makes of the last hidden features of the MLP of `mlp-lopt` is added to what that MLP gives.
 *
 * The structured layer starts at 0, so that the optimizer starts as `mlp-lopt` does; meta-parameters of that, by the same names, may
 * take the place of the MLP's.
 *
 * Symmetry: that of the structured layer.
 * Source: Zhou et al. 2024, arXiv:2402.05232, the hybrid of its learned optimizer's code. Departs: nothing.
 */
export const hybridMap = <S extends Settings>(structured: ElementMapFamily<S>): ElementMapFamily<S> => ({
  kind: `mlp-${structured.kind}`,
  source: `${structured.source}; behind the MLP of mlp-lopt`,
  settings: structured.settings,
  bound: structured.bound,
  create: (architecture, options, settings) => {
    const { inputs, outputs, width, hiddenLayers } = options;
    const sizes = [inputs + TIME_FEATURES, ...Array<number>(hiddenLayers).fill(width), outputs];
    const own = { ...options, inputs: width, hiddenLayers: 0, timed: false, zero: true };
    const layer = structured.create(architecture, own, settings);
    return {
      initialize: (stream) => ({
        ...pointMlpParameters(sizes, stream),
        ...withPrefix(PREFIX, layer.initialize(stream.split('structure'))),
      }),
      apply: (meta, x) => {
        const later = laterLayers(meta, hiddenLayers + 1, networksIn(x.values));
        const hidden = mapValues(
          firstLayer(meta, x),
          (first) => tf.relu(restOfPointMlp(first, later.slice(0, -1))) as Tensor,
        );
        // Without the ones that carry biases.
        const values = mapValues(hidden, (h) => tf.slice(h, [0, 0, 0], [h.shape[0]!, width, h.shape[2]!]) as Tensor);
        const ofStructure = layer.apply(withoutPrefix(PREFIX, meta), { values });
        return mapValues(hidden, (h, name) => tf.add(tf.matMul(later.at(-1)!, h), ofStructure[name]!) as Tensor);
      },
    };
  },
});
