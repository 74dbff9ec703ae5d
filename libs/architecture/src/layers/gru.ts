import { tf } from '@weightspace/compute';

import { extraSymmetries, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareRecurrent, recurrentSettings, runRecurrent, splitGates } from './recurrent.ts';

/**
 * Gated recurrent unit over a sequence, from h = 0.
 *
 *     h' = (1 − z) n + z h        n = tanh(a_n + r · b_n)        r = σ(a_r + b_r)        z = σ(a_z + b_z)
 *     a = weight_ih x + bias_ih        b = weight_hh h + bias_hh        rows [r z n]
 *
 * Settings: size (n), bias (true), reverse (false), gives ('sequence' or 'last').
 * Symmetry: the order of hidden neurons, on the columns of weight_hh and in each of the three gates' rows. The sign of a
 * neuron (its n rows, its columns) is one, too; it isn't used.
 * Source: Cho et al. 2014, arXiv:1406.1078; gate order, names and layout of PyTorch `nn.GRU`, which adds `_l0`.
 * Departs: with PyTorch, the reset gate multiplies after weight_hh, not before.
 */
export const gru: LayerKind = {
  kind: 'gru',
  settings: recurrentSettings,
  declare: (layer, context) => ({ ...declareRecurrent(layer, 3, context), breaksOutput: extraSymmetries }),
  apply: (layer, params, [x], gain, context) =>
    runRecurrent(layer, params, x!, gain, context, (read, recurrent, { h, c }) => {
      const [ra, za, na] = splitGates(read, 3);
      const [rb, zb, nb] = splitGates(recurrent, 3);
      const n = tf.tanh(tf.add(na!, tf.mul(tf.sigmoid(tf.add(ra!, rb!)), nb!)));
      const z = tf.sigmoid(tf.add(za!, zb!));
      return { h: tf.add(n, tf.mul(z, tf.sub(h, n))), c };
    }),
};
registerLayerKind(gru);
