import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { wholeNumbers } from '../checks.ts';
import { isStacked } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * Every position several times, side by side; settings: factors, one for each position axis.
 *
 * Symmetry: keeps the channels' order, sign and scale.
 * Source: PyTorch `nn.Upsample(mode='nearest')`. Departs: whole factors only.
 */
export const upsample: LayerKind = {
  kind: 'upsample',
  settings: ({ factors }, place) => ({ factors: wholeNumbers(`${place}.factors`, factors) }),
  declare: (layer, { inputs, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions } = inputs[0]!;
    const factors = layer['factors'] as readonly number[];
    if (factors.length !== positions.length) {
      const expected = `a list with one factor for each of ${positions.length} position axes`;
      throw new ArchitectureError('defineArchitecture', `${place}.factors`, expected, factors);
    }
    return { label, positions: positions.map((n, axis) => n * factors[axis]!), parameters: [], passes: true };
  },
  apply: (layer, _, [x], gain, { inputs }) => {
    const first = isStacked(x!, inputs[0]!.positions) ? 2 : 1;
    const factors = layer['factors'] as readonly number[];
    const repeated = factors.reduce((y, factor, i) => repeat(y, first + i, factor), x!);
    return gain === 1 ? repeated : tf.mul(repeated, gain);
  },
};
registerLayerKind(upsample);

function repeat(x: tf.Tensor, axis: number, factor: number): tf.Tensor {
  const product = (sizes: readonly number[]) => sizes.reduce((n, m) => n * m, 1);
  const [before, after] = [product(x.shape.slice(0, axis + 1)), product(x.shape.slice(axis + 1))];
  const copies = tf.tile(tf.reshape(x, [before, 1, after]), [1, factor, 1]);
  return tf.reshape(
    copies,
    x.shape.map((n, i) => (i === axis ? n * factor : n)),
  );
}
