import { tf } from '@weightspace/compute';

import { choice } from '../checks.ts';
import { registerLayerKind } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';
import { declareRecurrent, recurrentSettings, runRecurrent } from './recurrent.ts';

/**
 * h' = σ(weight_ih x + bias_ih + weight_hh h + bias_hh) over a sequence, from h = 0.
 *
 * Settings: size (n), nonlinearity ('tanh' or 'relu'; tanh unless said otherwise), bias (true), reverse (false: from the
 * first step to the last), gives ('sequence', or 'last': h after the last step taken).
 * Symmetry: the order of hidden neurons, on both axes of weight_hh; sign with tanh, positive scale with ReLU.
 * Source: Elman 1990; names and layout of PyTorch `nn.RNN`, which adds `_l0`. Departs: one layer, one direction.
 */
export const rnn: LayerKind = {
  kind: 'rnn',
  settings: (given, place) => ({
    ...recurrentSettings(given, place),
    nonlinearity: choice(`${place}.nonlinearity`, given['nonlinearity'] ?? 'tanh', ['tanh', 'relu']),
  }),
  declare: (layer, context) => ({
    ...declareRecurrent(layer, 1, context),
    breaksOutput: layer['nonlinearity'] === 'tanh' ? ['scale', 'phase'] : ['sign', 'phase'],
  }),
  apply: (layer, params, [x], gain, context) =>
    runRecurrent(layer, params, x!, gain, context, (read, recurrent, { c }) => {
      const z = tf.add(read, recurrent);
      return { h: layer['nonlinearity'] === 'tanh' ? tf.tanh(z) : tf.relu(z), c };
    }),
};
registerLayerKind(rnn);
