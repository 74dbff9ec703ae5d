import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { wholeNumber } from '../checks.ts';
import { isStacked } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * A learned vector for each thing (word, class, …): y = weight[x], with weight `[things, channels]`.
 *
 * Reads an input with `indices`; settings: size (channels).
 * Symmetry: the channels' order, sign and scale; things are fixed.
 * Source: PyTorch `nn.Embedding`, N(0, 1) start included. Departs: nothing.
 */
export const embedding: LayerKind = {
  kind: 'embedding',
  settings: ({ size }, place) => ({ size: wholeNumber(`${place}.size`, size) }),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 1, 1);
    const { indices, name } = inputs[0]!;
    if (indices === undefined) {
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, 'an input with indices', name);
    }
    const token = labels.space({ name: `${layer.name}.token`, size: indices, kind: 'token', free: false });
    const label = labels.space({ name: layer.output, size: layer['size'] as number });
    const axes = [
      { label: token, role: 'index' },
      { label, role: 'out' },
    ] as const;
    return {
      label,
      parameters: [
        { name: 'weight', kind: 'weight', axes, fan: { in: 1, out: layer['size'] as number }, start: { normal: 1 } },
      ],
    };
  },
  apply: (_, { weight }, [x], gain, { count, inputs }) => {
    const { positions } = inputs[0]!;
    const [networks, things, size] = weight!.shape as [number, number, number];
    const numbers = tf.cast(x!, 'int32');
    const scaled = (t: tf.Tensor) => (gain === 1 ? t : tf.mul(t, gain));
    if (!isStacked(x!, positions)) {
      const read = tf.gather(weight!, tf.reshape(numbers, [numbers.size]), 1);
      return scaled(tf.reshape(read, [networks, ...x!.shape.slice(0, -1), size]));
    }
    const own = tf.reshape(numbers, [count, numbers.size / count]);
    const starts = tf.tensor2d(
      Array.from({ length: count }, (__, n) => n * things),
      [count, 1],
      'int32',
    );
    const rows = tf.reshape(tf.add(own, starts), [numbers.size]);
    const read = tf.gather(tf.reshape(weight!, [networks * things, size]), rows, 0);
    return scaled(tf.reshape(read, [...x!.shape.slice(0, -1), size]));
  },
};
registerLayerKind(embedding);
