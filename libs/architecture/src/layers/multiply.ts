import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { withNetworks } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * The product of its inputs, channel by channel: gates. An input without positions is the same at all of them.
 *
 * Symmetry: all inputs and the output share one order of neurons. Signs and scales of the factors could cancel each other;
 * that isn't used.
 * Source: e.g. Shazeer 2020, "GLU variants improve transformer", arXiv:2002.05202; Hu et al. 2018, arXiv:1709.01507.
 * Departs: nothing.
 */
export const multiply: LayerKind = {
  kind: 'multiply',
  settings: () => ({}),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 2);
    const [first, ...others] = inputs;
    const fits = others.every(
      ({ size, positions }) =>
        size === first!.size && (positions.length === 0 || positions.join() === first!.positions.join()),
    );
    if (!fits) {
      const found = inputs.map(({ size, positions }) => [...positions, size]);
      const expected = 'values of one size, with the positions of the first or none';
      throw new ArchitectureError('defineArchitecture', `${place}.inputs`, expected, found);
    }
    for (const other of others) labels.unify(first!.label, other.label);
    return { label: first!.label, parameters: [], breaks: ['sign', 'scale', 'phase'] };
  },
  apply: (_, __, inputs, gain, { inputs: described }) => {
    const all = inputs.map((x, i) => {
      const { positions, size } = described[i]!;
      const stacked = withNetworks(x, positions);
      const [networks, points] = stacked.shape as [number, number];
      const missing = described[0]!.positions.length - positions.length;
      return missing === 0 ? stacked : tf.reshape(stacked, [networks, points, ...Array<number>(missing).fill(1), size]);
    });
    const product = all.reduce((total, x) => tf.mul(total, x) as Tensor);
    return gain === 1 ? product : tf.mul(product, gain);
  },
};
registerLayerKind(multiply);
