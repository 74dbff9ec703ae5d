import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { withNetworks } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * x + weight, with a learned vector for each position: weight `[…positions, channels]`.
 *
 * Symmetry: the channels' order, sign and scale, shared with the input; positions are fixed.
 * Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 1; starts from N(0, 0.02²) as there. Departs: nothing.
 */
export const positionTable: LayerKind = {
  kind: 'position-table',
  settings: () => ({}),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions, size } = inputs[0]!;
    if (positions.length === 0) {
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, 'a value with positions', positions);
    }
    const places = positions.map((length, axis) => {
      const name = `${layer.name}.position${positions.length === 1 ? '' : axis}`;
      return { label: labels.space({ name, size: length, kind: 'position', free: false }), role: 'index' } as const;
    });
    return {
      label,
      parameters: [
        {
          name: 'weight',
          kind: 'weight',
          axes: [...places, { label, role: 'out' }],
          fan: { in: 1, out: size },
          start: { normal: 0.02 },
        },
      ],
      // The table doesn't move with a shift of the phase that it is added to.
      breaks: ['phase'],
    };
  },
  apply: (_, { weight }, [x], gain, { inputs }) => {
    const sum = tf.add(withNetworks(x!, inputs[0]!.positions), tf.expandDims(weight!, 1));
    return gain === 1 ? sum : tf.mul(sum, gain);
  },
};
registerLayerKind(positionTable);
