import { layerKinds, registerLayerKind } from '@weightspace/architecture';
import type { LayerKind } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';

/**
 * factor · x + offset, with two numbers that aren't learned; settings: factor (1), offset (0).
 *
 * Symmetry: the channels' order, and without an offset their sign and scale.
 * Source: Keras `Rescaling`. Departs: one number for all channels.
 */
export const rescale: LayerKind = {
  kind: 'rescale',
  settings: ({ factor = 1, offset = 0 }) => ({ factor: Number(factor), offset: Number(offset) }),
  declare: (layer, { inputs }) => ({
    label: inputs[0]!.label,
    parameters: [],
    breaks: layer['offset'] === 0 ? ['phase'] : ['sign', 'scale', 'phase'],
  }),
  apply: (layer, _, [x], gain) =>
    tf.add(tf.mul(x!, gain * (layer['factor'] as number)), gain * (layer['offset'] as number)),
};
if (!layerKinds().includes('rescale')) registerLayerKind(rescale);
