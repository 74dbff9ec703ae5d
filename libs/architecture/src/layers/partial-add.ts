import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import type { Label } from '../labels/label.ts';
import type { LabelSolver } from '../labels/label-solver.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerInput, LayerKind } from './layer-kind.ts';

/**
 * A residual connection between values of unequal width: the channels that both have are added.
 *
 *     y[c] = x[c] + r[c] for c below both widths, otherwise x[c]
 *
 * Inputs: x, whose width the output has, and r. Symmetry: the channels that are added share one order; the wider value's
 * other channels have an order of their own, so its space is cut in two.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, "CNN Wild Park"; `x[:, :ch] += residual[:, :ch]` in their code.
 * Departs: nothing.
 */
export const partialAdd: LayerKind = {
  kind: 'partial-add',
  settings: () => ({}),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 2, 2);
    const [x, r] = inputs as [LayerInput, LayerInput];
    if (r.positions.join() !== x.positions.join()) {
      const positions = [x.positions, r.positions];
      throw new ArchitectureError('defineArchitecture', `${place}.inputs`, 'values of the same positions', positions);
    }
    const shared = Math.min(x.size, r.size);
    labels.unify(firstOf(labels, x, shared), firstOf(labels, r, shared));
    return { label: x.label, parameters: [] };
  },
  apply: (_, __, [x, r], gain, { inputs }) => {
    const [{ size }, other] = inputs as unknown as readonly [{ size: number }, { size: number }];
    const sum = tf.add(x!, toWidth(r!, other.size, size)) as Tensor;
    return gain === 1 ? sum : tf.mul(sum, gain);
  },
};
registerLayerKind(partialAdd);

const firstOf = (labels: LabelSolver, { label, size }: LayerInput, count: number): Label =>
  count === size ? label : labels.splitConcat(label, [count, size - count])[0]!;

/** The first channels, or zeros behind them. */
function toWidth(r: Tensor, size: number, wanted: number): Tensor {
  if (size === wanted) return r;
  if (size < wanted) return tf.pad(r, [...r.shape.slice(1).map((): [number, number] => [0, 0]), [0, wanted - size]]);
  return tf.slice(r, Array<number>(r.rank).fill(0), [...r.shape.slice(0, -1), wanted]);
}
