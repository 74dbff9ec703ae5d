/** @file An MLP for each element by itself, whose last layer is joined by a structured one. */
import { mapValues, stackedPointMlp, tf, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Settings } from '../kinds.ts';
import { TIME_FEATURES } from '../optimizers/features.ts';
import { pointMlpParameters } from '../optimizers/point-mlp.ts';
import type { ElementMapFamily } from './element-map.ts';
import { layersOf } from './pointwise-map.ts';

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
        const layers = layersOf(meta, x, hiddenLayers + 1);
        const values = mapValues(
          x.values,
          (value, name) => tf.relu(stackedPointMlp(value, layers(name).slice(0, -1))) as Tensor,
        );
        const ofStructure = layer.apply(withoutPrefix(PREFIX, meta), { values });
        return mapValues(
          values,
          (h, name) => tf.add(stackedPointMlp(h, layers(name).slice(-1)), ofStructure[name]!) as Tensor,
        );
      },
    };
  },
});
