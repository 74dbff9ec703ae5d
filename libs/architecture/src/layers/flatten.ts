import { tf } from '@weightspace/compute';

import { isStacked } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * All positions become channels: `[H, W, C]` → `[C · H · W]`, the positions of one channel side by side.
 *
 * Symmetry: the channels move as blocks of one neuron for each position; positions are fixed. Sign and scale of a channel
 * are those of its block.
 * Source: PyTorch `nn.Flatten` on `[C, H, W]`. Departs: nothing.
 */
export const flatten: LayerKind = {
  kind: 'flatten',
  settings: () => ({}),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions } = inputs[0]!;
    const size = positions.reduce((n, m) => n * m, 1);
    const position = labels.space({ name: `${layer.name}.position`, size, kind: 'position', free: false });
    return { label: labels.merge([label, position]), positions: [], parameters: [], passes: true };
  },
  apply: (_, __, [x], gain, { inputs, output }) => {
    const { positions } = inputs[0]!;
    const leading = isStacked(x!, positions) ? 2 : 1;
    const axes = x!.shape.map((___, axis) => axis);
    const channelsFirst = tf.transpose(x!, [...axes.slice(0, leading), axes.length - 1, ...axes.slice(leading, -1)]);
    const flat = tf.reshape(channelsFirst, [...x!.shape.slice(0, leading), output.size]);
    return gain === 1 ? flat : tf.mul(flat, gain);
  },
};
registerLayerKind(flatten);
