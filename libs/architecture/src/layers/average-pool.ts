import { registerLayerKind } from './layer-kind.ts';
import { poolKind } from './pooling.ts';

/**
 * The mean of each window, channel by channel, zeros of the padding included; 1 to 3 position axes.
 *
 * Settings: kernel, strides (the kernel), padding (0): one number per position axis.
 * Symmetry: keeps the channels' order, sign and scale.
 * Source: PyTorch `nn.AvgPool2d`. Departs: `count_include_pad` is always true, rounds down.
 */
export const averagePool = poolKind('average');
registerLayerKind(averagePool);
