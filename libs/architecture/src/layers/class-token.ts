import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { wholeNumber } from '../checks.ts';
import { stackShared } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/**
 * Learned tokens in front of the others: weight `[tokens, channels]`; settings: tokens (1).
 *
 * Symmetry: the channels' order, sign and scale, shared with the input; tokens are fixed.
 * Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 1; starts from 0 as there. Departs: nothing.
 */
export const classToken: LayerKind = {
  kind: 'class-token',
  settings: ({ tokens = 1 }, place) => ({ tokens: wholeNumber(`${place}.tokens`, tokens) }),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 1, 1);
    const { label, positions, size } = inputs[0]!;
    if (positions.length !== 1) {
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, 'a value with tokens', positions);
    }
    const tokens = layer['tokens'] as number;
    const token = labels.space({ name: `${layer.name}.token`, size: tokens, kind: 'token', free: false });
    const axes = [
      { label: token, role: 'index' },
      { label, role: 'out' },
    ] as const;
    return {
      label,
      positions: [positions[0]! + tokens],
      parameters: [{ name: 'weight', kind: 'weight', axes, fan: { in: 1, out: size }, start: 'zeros' }],
      breaks: ['phase'],
    };
  },
  apply: (_, { weight }, [x], gain, { count, inputs }) => {
    const tokens = stackShared(x!, inputs[0]!.positions, count);
    const [N, P, , C] = tokens.shape as [number, number, number, number];
    const own = tf.tile(tf.expandDims(weight!, 1), [1, P, 1, 1]);
    const all = tf.concat([tf.reshape(own, [N, P, weight!.shape[1]!, C]), tokens], 2);
    return gain === 1 ? all : tf.mul(all, gain);
  },
};
registerLayerKind(classToken);
