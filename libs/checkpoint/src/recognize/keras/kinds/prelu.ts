import { layerKinds, registerLayerKind } from '@weightspace/architecture';
import type { LayerKind } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';

/**
 * max(x, 0) + weight · min(x, 0), with a slope for each channel, or (setting `shared` false) for each channel at each position.
 *
 * Symmetry: the channels' order and positive scale; the slopes go with the channels. Breaks signs.
 * Source: He et al. 2015, arXiv:1502.01852, eq. 1. Departs: nothing.
 */
export const prelu: LayerKind = {
  kind: 'prelu',
  settings: ({ shared = true }) => ({ shared: shared === true }),
  declare: (layer, { inputs, labels }) => {
    const { label, positions } = inputs[0]!;
    const places = (layer['shared'] === true ? [] : positions).map((size, axis) => {
      const place = labels.space({ name: `${layer.name}.position${axis}`, size, kind: 'position', free: false });
      return { label: place, role: 'index' } as const;
    });
    const axes = [...places, { label, role: 'index' } as const];
    return {
      label,
      parameters: [{ name: 'weight', kind: 'scale', axes, fan: { in: 1, out: 1 }, start: 'zeros' }],
      breaks: ['sign', 'phase'],
    };
  },
  apply: (layer, { weight }, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const [networks, channels] = [weight!.shape[0]!, weight!.shape.at(-1)!];
    const places = layer['shared'] === true ? positions.map(() => 1) : positions;
    const slopes = tf.reshape(weight!, [networks, 1, ...places, channels]);
    const stacked = x!.rank === positions.length + 3 ? x! : tf.expandDims(x!, 0);
    const y = tf.sub(tf.relu(stacked), tf.mul(slopes, tf.relu(tf.neg(stacked))));
    return gain === 1 ? y : tf.mul(y, gain);
  },
};
if (!layerKinds().includes('prelu')) registerLayerKind(prelu);
