import { ArchitectureError } from '../architecture-error.ts';
import { withNetworks } from '../stacked.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareNorm, normSettings, scaleAndShift, standardize } from './norms.ts';

/**
 * weight · (x − mean) / √(variance + ε) + bias, over the positions of each channel.
 *
 * Settings: epsilon (1e-5), affine (false: no weight and bias).
 * Symmetry: the channels' order, shared by input and output. Signs would go through where there is no bias; that isn't used.
 * Source: Ulyanov et al. 2016, arXiv:1607.08022; PyTorch `nn.InstanceNorm2d`. Departs: no running statistics.
 */
export const instanceNorm: LayerKind = {
  kind: 'instance-norm',
  settings: normSettings(1e-5, false),
  declare: (layer, context) => {
    const declaration = declareNorm(layer, context);
    const { positions } = context.inputs[0]!;
    if (positions.length > 0) return declaration;
    throw new ArchitectureError(
      'defineArchitecture',
      `${context.place}.inputs[0]`,
      'a value with positions',
      positions,
    );
  },
  apply: (layer, params, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const axes = positions.map((_, i) => 2 + i);
    const standard = standardize(withNetworks(x!, positions), axes, layer['epsilon'] as number);
    return scaleAndShift(standard, params, gain, positions);
  },
};
registerLayerKind(instanceNorm);
