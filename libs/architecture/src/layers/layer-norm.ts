import { withNetworks } from '../stacked.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareNorm, normSettings, scaleAndShift, standardize } from './norms.ts';

/**
 * weight · (x − mean) / √(variance + ε) + bias, over the channels of each position.
 *
 * Settings: epsilon (1e-5), affine (true: it has weight and bias).
 * Symmetry: the channels' order, shared by input and output. Sign and scale are broken: they change the mean that all
 * channels share.
 * Source: Ba et al. 2016, arXiv:1607.06450; PyTorch `nn.LayerNorm(channels)`. Departs: nothing.
 */
export const layerNorm: LayerKind = {
  kind: 'layer-norm',
  settings: normSettings(1e-5),
  declare: (layer, context) => declareNorm(layer, context),
  apply: (layer, params, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const stacked = withNetworks(x!, positions);
    const standard = standardize(stacked, [stacked.rank - 1], layer['epsilon'] as number);
    return scaleAndShift(standard, params, gain, positions);
  },
};
registerLayerKind(layerNorm);
