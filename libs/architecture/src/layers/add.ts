import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * The sum of its inputs: a residual connection.
 *
 * Symmetry: all inputs and the output share one order of neurons, so their spaces become one.
 */
export const add: LayerKind = {
  kind: 'add',
  settings: () => ({}),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 2);
    const [first, ...others] = inputs;
    if (others.some(({ size }) => size !== first!.size)) {
      const sizes = inputs.map(({ size }) => size);
      throw new ArchitectureError('defineArchitecture', `${place}.inputs`, 'values of one size', sizes);
    }
    if (others.some(({ positions }) => positions.join() !== first!.positions.join())) {
      const positions = inputs.map((input) => input.positions);
      throw new ArchitectureError('defineArchitecture', `${place}.inputs`, 'values of the same positions', positions);
    }
    for (const other of others) labels.unify(first!.label, other.label);
    return { label: first!.label, parameters: [] };
  },
  apply: (_, __, inputs, gain) => {
    // Not tf.addN: a value that all networks share has one axis less, and is broadcast.
    const sum = inputs.reduce((total, x) => tf.add(total, x) as Tensor);
    return gain === 1 ? sum : tf.mul(sum, gain);
  },
};
registerLayerKind(add);
