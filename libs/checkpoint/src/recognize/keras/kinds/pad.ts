import { layerKinds, registerLayerKind } from '@weightspace/architecture';
import type { LayerKind } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';

import { RecognitionError } from '../../onnx/recognition-error.ts';

/**
 * Positions of zeros before and behind each position axis; settings: pads, a pair of whole numbers for each axis, and lowest
 * (false: zeros; true: less than any value, for a pooling that takes the largest).
 *
 * Symmetry: keeps the channels' order, sign and scale; phase and, with the lowest, sign are broken.
 * Source: Keras `ZeroPadding2D`, and its padding 'same', which may differ at both ends. Departs: nothing.
 */
export const pad: LayerKind = {
  kind: 'pad',
  settings: ({ pads, lowest = false }, place) => {
    const fits = (pair: unknown) =>
      Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= 0);
    if (Array.isArray(pads) && pads.every(fits) && typeof lowest === 'boolean') return { pads, lowest };
    throw new RecognitionError(
      'defineArchitecture',
      `${place}.pads`,
      'be pairs of whole numbers',
      JSON.stringify(pads),
    );
  },
  declare: (layer, { inputs, place }) => {
    const pads = layer['pads'] as readonly [number, number][];
    const { label, positions } = inputs[0]!;
    if (pads.length !== positions.length) {
      throw new RecognitionError(
        'defineArchitecture',
        `${place}.pads`,
        `be ${positions.length} pairs`,
        JSON.stringify(pads),
      );
    }
    const sizes = positions.map((n, axis) => n + pads[axis]![0] + pads[axis]![1]);
    const breaks = layer['lowest'] === true ? (['sign', 'phase'] as const) : (['phase'] as const);
    return { label, positions: sizes, parameters: [], passes: true, breaks };
  },
  apply: (layer, _, [x], gain, { inputs }) => {
    const pads = layer['pads'] as readonly [number, number][];
    const first = x!.rank - inputs[0]!.positions.length - 1;
    const all = x!.shape.map((__, axis): [number, number] => pads[axis - first] ?? [0, 0]);
    const padded = tf.pad(x!, all, layer['lowest'] === true ? -3.4e38 : 0);
    return gain === 1 ? padded : tf.mul(padded, gain);
  },
};
if (!layerKinds().includes('pad')) registerLayerKind(pad);
