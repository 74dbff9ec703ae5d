import type { Architecture, InputSpec } from '../architecture.ts';
import { ArchitectureError } from '../architecture-error.ts';
import { LayerList } from './layer-list.ts';

export interface RnnOptions {
  readonly cell: 'rnn' | 'lstm' | 'gru';
  /** Of an 'rnn': 'tanh' unless said otherwise. */
  readonly nonlinearity?: 'tanh' | 'relu';
  /** Steps of the sequence. */
  readonly steps: number;
  /** Channels of a step; or words, which are embedded. */
  readonly size?: number;
  readonly vocabulary?: number;
  /** Channels of the embedding; the first hidden size unless said otherwise. */
  readonly embedding?: number;
  /** Neurons of each recurrent layer. */
  readonly hidden: readonly number[];
  /** Each layer also runs from the last step to the first, on neurons of its own. */
  readonly bidirectional?: boolean;
  /** What the head reads: the 'last' state (unless said otherwise) or every step. */
  readonly gives?: 'last' | 'sequence';
  readonly outputs: number;
  readonly name?: string;
}

/**
 * A recurrent network: cells over a sequence, and a linear head.
 *
 * Layers are `embed`, `rnn1`, `rnn1_reverse`, `rnn1_both`, …, `fc`; the output is `y`. PyTorch calls the parameters of layer
 * 1 `weight_ih_l0`, `weight_ih_l0_reverse`, ….
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: PyTorch `nn.RNN`, `nn.LSTM`, `nn.GRU`. Departs: no dropout, no projections.
 */
export function rnn(options: RnnOptions): Architecture {
  const { cell, steps, size, vocabulary, hidden, gives = 'last', bidirectional = false, outputs } = options;
  if ((vocabulary === undefined) === (size === undefined)) {
    throw new ArchitectureError('rnn', 'vocabulary and size', 'one of both', { vocabulary, size });
  }
  if (options.nonlinearity !== undefined && cell !== 'rnn') {
    throw new ArchitectureError(
      'rnn',
      'nonlinearity',
      `nothing, since the gates of a ${cell} have their own`,
      options.nonlinearity,
    );
  }
  if (hidden.length === 0) throw new ArchitectureError('rnn', 'hidden', 'a list of at least one size', hidden);
  const input: InputSpec = {
    name: 'x',
    size: size ?? 1,
    positions: [steps],
    ...(vocabulary && { indices: vocabulary }),
  };
  const layers = new LayerList();
  let value = 'x';
  if (vocabulary !== undefined) {
    value = layers.add('embed', 'embedding', value, { size: options.embedding ?? hidden[0] });
  }
  hidden.forEach((width, i) => {
    const own = options.nonlinearity && { nonlinearity: options.nonlinearity };
    const settings = { size: width, ...own, gives: i === hidden.length - 1 ? gives : 'sequence' };
    const name = `${cell}${i + 1}`;
    const forwards = layers.add(name, cell, value, settings);
    if (!bidirectional) {
      value = forwards;
      return;
    }
    const backwards = layers.add(`${name}_reverse`, cell, value, { ...settings, reverse: true });
    value = layers.add(`${name}_both`, 'concat', [forwards, backwards]);
  });
  layers.add('fc', 'linear', value, { size: outputs, output: 'y' });
  return layers.define(options.name ?? `${cell} ${hidden.join('-')}-${outputs}`, input, 'y');
}
