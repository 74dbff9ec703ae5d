import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { stackShared } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * The channels of its inputs, one after the other: a skip connection of a U-Net, a block of a DenseNet.
 *
 * Symmetry: each input's channels keep their order, sign and scale, in a segment of their own.
 * Source: PyTorch `torch.cat(…, dim=1)`. Departs: nothing.
 */
export const concat: LayerKind = {
  kind: 'concat',
  settings: () => ({}),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 2);
    const [first] = inputs;
    if (inputs.some(({ positions }) => positions.join() !== first!.positions.join())) {
      const positions = inputs.map((input) => input.positions);
      throw new ArchitectureError('defineArchitecture', `${place}.inputs`, 'values of the same positions', positions);
    }
    return { label: labels.concat(inputs.map(({ label }) => label)), parameters: [], passes: true };
  },
  apply: (_, __, inputs, gain, { count, inputs: described }) => {
    const all = inputs.map((x, i) => stackShared(x, described[i]!.positions, count));
    const joined = tf.concat(all, all[0]!.rank - 1);
    return gain === 1 ? joined : tf.mul(joined, gain);
  },
};
registerLayerKind(concat);
