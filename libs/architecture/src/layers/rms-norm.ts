import { tf } from '@weightspace/compute';

import { withNetworks } from '../stacked.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareNorm, normSettings, scaleAndShift } from './norms.ts';

/**
 * weight · x / √(mean(x²) + ε), over the channels of each position.
 *
 * Settings: epsilon (1e-6), affine (true: it has a weight).
 * Symmetry: the channels' order, shared by input and output. Signs would go through, since squares don't see them, as would
 * any rotation without the weight; neither is used.
 * Source: Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4; PyTorch `nn.RMSNorm`. Departs: nothing.
 */
export const rmsNorm: LayerKind = {
  kind: 'rms-norm',
  settings: normSettings(1e-6),
  declare: (layer, context) => declareNorm(layer, context, [], false),
  apply: (layer, params, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const stacked = withNetworks(x!, positions);
    const square = tf.mean(tf.square(stacked), [stacked.rank - 1], true);
    const standard = tf.div(stacked, tf.sqrt(tf.add(square, layer['epsilon'] as number)));
    return scaleAndShift(standard, params, gain, positions);
  },
};
registerLayerKind(rmsNorm);
