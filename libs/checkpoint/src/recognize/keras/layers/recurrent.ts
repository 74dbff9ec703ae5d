import { activationOf } from '../activations.ts';
import { isRecord } from '../keras-config.ts';
import type { KerasValue, LayerReader, LayerReading } from '../keras-layer.ts';
import type { Origin } from '../../state-dict/draft.ts';
import type { Step } from '../../state-dict/recognized-network.ts';

type Cell = 'rnn' | 'lstm' | 'gru';
const cells: { readonly [className: string]: Cell } = { SimpleRNN: 'rnn', LSTM: 'lstm', GRU: 'gru' };

/**
 * SimpleRNN, LSTM (gates i f c o, as here) and GRU (gates z r h, here r z n; with reset_after, and two rows of biases). Kernels
 * are [in, gates · n], recurrent kernels [n, gates · n]. One bias, where Keras has no second.
 */
export const recurrent =
  (cell: Cell): LayerReader =>
  (at) =>
    run(at, cell, '', false);

/** Bidirectional: the layer and its copy that runs from the last step to the first. */
export const bidirectional: LayerReader = (at) => {
  const inner = at.config['layer'];
  const className = isRecord(inner) ? String(inner['class_name']) : '';
  const cell = Object.hasOwn(cells, className)
    ? cells[className]!
    : at.fail('layer', Object.keys(cells).join(', '), className);
  const wrapped = at.inner((inner as { config: { [key: string]: unknown } }).config);
  const both = [run(wrapped, cell, 'forward', false), run(wrapped, cell, 'backward', true)];
  const mode = at.config['merge_mode'] ?? 'concat';
  const kind =
    mode === 'concat'
      ? 'concat'
      : mode === 'sum'
        ? 'add'
        : mode === 'mul'
          ? 'multiply'
          : at.fail('merge_mode', 'concat, sum or mul', mode);
  const value = at.add(kind, both, {}, {}, '_both');
  return { ...both[0]!, value, channels: both[0]!.channels * (mode === 'concat' ? 2 : 1) };
};

function run(at: LayerReading, cell: Cell, direction: '' | 'forward' | 'backward', reverse: boolean): KerasValue {
  const { x } = at;
  const size = at.number('units');
  const sequence = at.flag('return_sequences', false);
  const backwards = at.flag('go_backwards', false);
  if (backwards && (sequence || direction !== '')) at.fail('go_backwards', 'false where all steps are given', true);
  const nonlinearity = checkActivations(at, cell);
  const bias = at.flag('use_bias', true);
  const part = direction === '' ? undefined : `${direction}_`;
  const turned: Step[] = [{ transpose: [1, 0] }, ...gateOrder(cell, size)];
  const origins = {
    weight_ih: at.weight('kernel', 0, turned, part),
    weight_hh: at.weight('recurrent_kernel', 1, turned, part),
    ...(bias && biases(at, cell, size, part)),
  };
  const settings = {
    size,
    bias,
    reverse: reverse || backwards,
    gives: sequence ? 'sequence' : 'last',
    ...nonlinearity,
  };
  const value = at.add(cell, [x], settings, origins, direction === '' ? '' : `_${direction}`);
  return { value, channels: size, positions: sequence ? x.positions : [] };
}

function checkActivations(at: LayerReading, cell: Cell): { readonly nonlinearity?: unknown } {
  const activation = activationOf(at, 'activation', 'tanh');
  if (cell === 'rnn') {
    return activation === 'tanh' || activation === 'relu'
      ? { nonlinearity: activation }
      : at.fail('activation', 'tanh or relu', activation);
  }
  if (activation !== 'tanh') at.fail('activation', 'tanh', activation);
  const gates = activationOf(at, 'recurrent_activation', 'sigmoid');
  if (gates !== 'sigmoid') at.fail('recurrent_activation', 'sigmoid', gates);
  if (cell === 'gru' && at.config['reset_after'] !== true) {
    at.fail(
      'reset_after',
      'true: here the reset gate multiplies behind the recurrent kernel',
      at.config['reset_after'] ?? false,
    );
  }
  return {};
}

/** Blocks of rows from Keras's order to ours. */
function gateOrder(cell: Cell, n: number): Step[] {
  if (cell !== 'gru') return [];
  const order = [1, 0, 2].flatMap((gate) => Array.from({ length: n }, (_, i) => gate * n + i));
  return [{ gather: { axis: 0, order } }];
}

function biases(at: LayerReading, cell: Cell, n: number, part: string | undefined): { [name: string]: Origin } {
  if (cell !== 'gru') return { bias_ih: at.weight('bias', 2, [], part), bias_hh: 0 };
  const row = (i: number): Origin =>
    at.weight('bias', 2, [{ gather: { axis: 0, order: [i] } }, { reshape: [3 * n] }, ...gateOrder(cell, n)], part);
  return { bias_ih: row(0), bias_hh: row(1) };
}
