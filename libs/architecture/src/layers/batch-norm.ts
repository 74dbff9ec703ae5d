import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { withNetworks } from '../stacked.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { alongChannels, declareNorm, normSettings, perChannel, scaleAndShift } from './norms.ts';

/**
 * weight · (x − running_mean) / √(running_var + ε) + bias, channel by channel: as a trained network is run. In training
 * mean and variance are those of the batch.
 *
 * Settings: epsilon (1e-5), affine (true: it has weight and bias).
 * Symmetry: the channels' order, shared by input and output; scale, shift and statistics go with them. Sign and scale are
 * broken: a channel could change them before the norm and have them undone by its statistics (but for ε), or after it by
 * weight and bias; neither is used.
 * Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2; names of PyTorch `nn.BatchNorm2d`.
 * Departs: statistics are parameters of kind 'statistic' and are updated by who trains (`batchStatistics`).
 */
export const batchNorm: LayerKind = {
  kind: 'batch-norm',
  settings: normSettings(1e-5),
  declare: (layer, context) =>
    declareNorm(
      layer,
      context,
      (['running_mean', 'running_var'] as const).map((name) =>
        perChannel(name, 'statistic', context.inputs[0]!.label, name === 'running_mean' ? 'zeros' : 'ones'),
      ),
    ),
  apply: (layer, params, [x], gain, { inputs, count, statistics }) => {
    const { positions } = inputs[0]!;
    const stacked = withNetworks(x!, positions);
    const epsilon = layer['epsilon'] as number;
    if (statistics) {
      const axes = stacked.shape.slice(1, -1).map((_, i) => i + 1);
      record(statistics, layer.name, stacked, axes, count);
      const centred = tf.sub(stacked, tf.mean(stacked, axes, true));
      const variance = tf.reshape(tf.mean(tf.square(centred), axes), [stacked.shape[0]!, stacked.shape.at(-1)!]);
      return scaleAndShift(centred, scaledBy(params, variance, epsilon), gain, positions);
    }
    const centred = tf.sub(stacked, alongChannels(params['running_mean']!, positions));
    return scaleAndShift(centred, scaledBy(params, params['running_var']!, epsilon), gain, positions);
  },
};
registerLayerKind(batchNorm);

/** Scale and shift of each channel, with the deviation in the scale: a product less for each value. */
function scaledBy({ weight, bias }: Tensors, variance: Tensor, epsilon: number): Tensors {
  const scale = tf.div(1, tf.sqrt(tf.add(variance, epsilon)));
  return { weight: weight ? tf.mul(weight, scale) : scale, ...(bias ? { bias } : {}) };
}

function record(into: Record<string, Tensor>, name: string, x: Tensor, axes: number[], count: number): void {
  const mean = tf.mean(x, axes, true);
  const points = axes.reduce((n, axis) => n * x.shape[axis]!, 1);
  const variance = tf.mul(tf.mean(tf.square(tf.sub(x, mean)), axes, true), points / Math.max(1, points - 1));
  for (const [key, value] of [
    ['running_mean', mean],
    ['running_var', variance],
  ] as const) {
    const flat: Tensor = tf.reshape(value, [x.shape[0]!, x.shape.at(-1)!]);
    into[`${name}.${key}`] = x.shape[0] === count ? flat : tf.tile(flat, [count, 1]);
  }
}
