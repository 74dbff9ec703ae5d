import { tf } from '@weightspace/compute';

import { extraSymmetries, registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareRecurrent, recurrentSettings, runRecurrent, splitGates } from './recurrent.ts';

/**
 * Long short-term memory over a sequence, from h = c = 0.
 *
 *     c' = σ(f) c + σ(i) tanh(g)        h' = σ(o) tanh(c')        [i f g o] = weight_ih x + bias_ih + weight_hh h + bias_hh
 *
 * Settings: size (n), bias (true), reverse (false), gives ('sequence' or 'last').
 * Symmetry: the order of hidden neurons, on the columns of weight_hh and in each of the four gates' rows. The sign of a
 * neuron (its g rows, its columns) is one, too; it isn't used.
 * Source: Hochreiter and Schmidhuber 1997; gate order, names and layout of PyTorch `nn.LSTM`, which adds `_l0`.
 * Departs: one layer, one direction, no projection.
 */
export const lstm: LayerKind = {
  kind: 'lstm',
  settings: recurrentSettings,
  declare: (layer, context) => ({ ...declareRecurrent(layer, 4, context), breaksOutput: extraSymmetries }),
  apply: (layer, params, [x], gain, context) =>
    runRecurrent(layer, params, x!, gain, context, (read, recurrent, { c }) => {
      const [i, f, g, o] = splitGates(tf.add(read, recurrent), 4);
      const next = tf.add(tf.mul(tf.sigmoid(f!), c), tf.mul(tf.sigmoid(i!), tf.tanh(g!)));
      return { h: tf.mul(tf.sigmoid(o!), tf.tanh(next)), c: next };
    }),
};
registerLayerKind(lstm);
