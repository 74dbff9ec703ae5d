import { tf } from '@weightspace/compute';

import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * All positions in one row: the pixels of an image as tokens, row by row.
 *
 * Symmetry: keeps the channels' order, sign and scale.
 * Source: PyTorch `x.flatten(2).transpose(1, 2)` on `[C, H, W]`. Departs: nothing.
 */
export const toTokens: LayerKind = {
  kind: 'to-tokens',
  settings: () => ({}),
  declare: (layer, { inputs, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions } = inputs[0]!;
    return { label, positions: [positions.reduce((n, m) => n * m, 1)], parameters: [], passes: true };
  },
  apply: (_, __, [x], gain, { inputs, output }) => {
    const { positions, size } = inputs[0]!;
    const leading = x!.shape.slice(0, x!.rank - positions.length - 1);
    const tokens = tf.reshape(x!, [...leading, ...output.positions, size]);
    return gain === 1 ? tokens : tf.mul(tokens, gain);
  },
};
registerLayerKind(toTokens);
