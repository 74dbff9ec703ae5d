import { tf } from '@weightspace/compute';

import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * Nothing but the activation that the layer is given: where it doesn't stand right behind a layer with parameters, e.g.
 * behind a sum.
 *
 * Symmetry: the activation's; the input's neurons have only what they and the activation both have. Phases aren't used.
 */
export const activationLayer: LayerKind = {
  kind: 'activation',
  settings: () => ({}),
  declare: (layer, { inputs, place }) => {
    needInputs(layer, place, 1, 1);
    return { label: inputs[0]!.label, parameters: [], passes: true };
  },
  apply: (_, __, [x], gain) => (gain === 1 ? x! : tf.mul(x!, gain)),
};
registerLayerKind(activationLayer);
