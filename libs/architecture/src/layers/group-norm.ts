import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { wholeNumber } from '../checks.ts';
import { withNetworks } from '../stacked.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareNorm, normSettings, scaleAndShift, standardize } from './norms.ts';

/**
 * weight · (x − mean) / √(variance + ε) + bias, over the positions and the channels of each group.
 *
 * Settings: groups, epsilon (1e-5), affine (true: it has weight and bias).
 * Symmetry: groups move as blocks, and the channels of each have an order of their own; shared by input and output. Sign
 * and scale are broken, as in a layer norm.
 * Source: Wu and He 2018, arXiv:1803.08494; PyTorch `nn.GroupNorm`. Departs: nothing.
 */
export const groupNorm: LayerKind = {
  kind: 'group-norm',
  settings: (given, place) => ({
    groups: wholeNumber(`${place}.groups`, given['groups']),
    ...normSettings(1e-5)(given, place),
  }),
  declare: (layer, context) => {
    const declaration = declareNorm(layer, context);
    const { size, label } = context.inputs[0]!;
    const groups = layer['groups'] as number;
    if (size % groups !== 0) {
      const expected = `a divisor of ${size} channels`;
      throw new ArchitectureError('defineArchitecture', `${context.place}.groups`, expected, groups);
    }
    const names = [`${layer.name}.group`, `${layer.name}.channel`];
    if (groups > 1 && groups < size) context.labels.splitProduct(label, [groups, size / groups], { names });
    return declaration;
  },
  apply: (layer, params, [x], gain, { inputs }) => {
    const { positions, size } = inputs[0]!;
    const groups = layer['groups'] as number;
    const stacked = withNetworks(x!, positions);
    const [networks, points] = stacked.shape as [number, number];
    const places = positions.reduce((n, m) => n * m, 1);
    const grouped = tf.reshape(stacked, [networks, points, places, groups, size / groups]);
    const standard = tf.reshape(standardize(grouped, [2, 4], layer['epsilon'] as number), stacked.shape);
    return scaleAndShift(standard, params, gain, positions);
  },
};
registerLayerKind(groupNorm);
