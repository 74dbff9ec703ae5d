import { tf } from '@weightspace/compute';

import { withNetworks } from '../stacked.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { alongChannels, declareNorm, normSettings, perChannel, scaleAndShift } from './norms.ts';

/**
 * weight · (x − running_mean) / √(running_var + ε) + bias, channel by channel: as a trained network is run.
 *
 * Settings: epsilon (1e-5), affine (true: it has weight and bias).
 * Symmetry: the channels' order, shared by input and output; scale, shift and statistics go with them. Sign and scale are
 * broken: a channel could change them before the norm and have them undone by its statistics (but for ε), or after it by
 * weight and bias; neither is used.
 * Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2; names of PyTorch `nn.BatchNorm2d`.
 * Departs: statistics are parameters of kind 'statistic' and are never updated.
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
  apply: (layer, params, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const { running_mean: mean, running_var: variance } = params;
    const deviation = tf.sqrt(tf.add(variance!, layer['epsilon'] as number));
    const centred = tf.sub(withNetworks(x!, positions), alongChannels(mean!, positions));
    return scaleAndShift(tf.div(centred, alongChannels(deviation, positions)), params, gain, positions);
  },
};
registerLayerKind(batchNorm);
