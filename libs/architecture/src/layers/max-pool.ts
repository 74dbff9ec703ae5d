import { registerLayerKind } from './layer-kind.ts';
import { poolKind } from './pooling.ts';

/**
 * The largest of each window, channel by channel; 1 to 3 position axes.
 *
 * Settings: kernel, strides (the kernel), padding (0): one number per position axis.
 * Symmetry: keeps the channels' order and positive scale; breaks signs.
 * Source: PyTorch `nn.MaxPool2d`. Departs: no dilation, rounds down.
 */
export const maxPool = poolKind('max');
registerLayerKind(maxPool);
