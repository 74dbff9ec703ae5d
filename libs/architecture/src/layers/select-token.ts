import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { isStacked } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * One token of a sequence; settings: index (0; negative from the end).
 *
 * Symmetry: keeps the channels' order, sign and scale. Departs: nothing.
 */
export const selectToken: LayerKind = {
  kind: 'select-token',
  settings: ({ index = 0 }, place) => {
    if (Number.isSafeInteger(index)) return { index };
    throw new ArchitectureError('defineArchitecture', `${place}.index`, 'a whole number', index);
  },
  declare: (layer, { inputs, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions } = inputs[0]!;
    const [index, length] = [layer['index'] as number, positions[0] ?? 0];
    if (positions.length !== 1) {
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, 'a value with tokens', positions);
    }
    if (index < -length || index >= length) {
      throw new ArchitectureError('defineArchitecture', `${place}.index`, `one of ${length} tokens`, index);
    }
    return { label, positions: [], parameters: [], passes: true };
  },
  apply: (layer, _, [x], gain, { inputs }) => {
    const [length] = inputs[0]!.positions;
    const axis = isStacked(x!, inputs[0]!.positions) ? 2 : 1;
    const index = layer['index'] as number;
    const begin = x!.shape.map((__, i) => (i === axis ? (index < 0 ? index + length! : index) : 0));
    const size = x!.shape.map((n, i) => (i === axis ? 1 : n));
    const token = tf.squeeze(tf.slice(x!, begin, size), [axis]);
    return gain === 1 ? token : tf.mul(token, gain);
  },
};
registerLayerKind(selectToken);
