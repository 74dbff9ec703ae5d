import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { choice } from '../checks.ts';
import { isStacked } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * Mean, sum or largest of all positions, channel by channel: pixels, tokens, or the elements of a set.
 *
 * Settings: mode ('mean', 'sum' or 'max'; mean unless said otherwise).
 * Symmetry: keeps the channels' order and positive scale; signs unless 'max'. The result ignores the order of positions.
 * Source: PyTorch `nn.AdaptiveAvgPool2d(1)`; for sets Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, theorem 2.
 * Departs: nothing.
 */
export const globalPool: LayerKind = {
  kind: 'global-pool',
  settings: ({ mode = 'mean' }, place) => ({ mode: choice(`${place}.mode`, mode, ['mean', 'sum', 'max']) }),
  declare: (layer, { inputs, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions } = inputs[0]!;
    if (positions.length === 0) {
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, 'a value with positions', positions);
    }
    return {
      label,
      positions: [],
      parameters: [],
      passes: true,
      breaks: layer['mode'] === 'max' ? ['sign', 'phase'] : [],
    };
  },
  apply: (layer, _, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const first = isStacked(x!, positions) ? 2 : 1;
    const axes = positions.map((__, i) => first + i);
    const mode = layer['mode'] as 'mean' | 'sum' | 'max';
    const pooled = mode === 'mean' ? tf.mean(x!, axes) : mode === 'sum' ? tf.sum(x!, axes) : tf.max(x!, axes);
    return gain === 1 ? pooled : tf.mul(pooled, gain);
  },
};
registerLayerKind(globalPool);
