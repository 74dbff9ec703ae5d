import { addChain, layersOf } from '../chain-layers.ts';
import type { Draft, Origins } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';
import type { StateDict } from '../state-dict.ts';
import { addPool } from './transformer-encoder.ts';

const CELLS: { readonly [gates: number]: 'rnn' | 'gru' | 'lstm' } = { 1: 'rnn', 3: 'gru', 4: 'lstm' };

/**
 * PyTorch's `nn.LSTM`, `nn.GRU` and `nn.RNN`, of any number of layers, in one direction or both, with an embedding before and
 * a plain chain of layers behind. Rows of `weight_ih_l0` for each hidden neuron tell the cells apart: 4, 3, 1.
 */
export const recurrent: Scheme = {
  name: 'torch-recurrent',
  matches: (dict) => cellOf(dict) !== undefined,
  build,
};

/** One module of cells; undefined where there are several, or projections (`proj_size`). */
function cellOf(dict: StateDict): { prefix: string; cell: 'rnn' | 'gru' | 'lstm' } | undefined {
  const firsts = dict.names.filter((name) => /(^|\.)weight_ih_l0$/.test(name));
  const [first] = firsts;
  if (first === undefined || firsts.length > 1) return undefined;
  const prefix = first.slice(0, -'weight_ih_l0'.length);
  const [[rows = 0], [, hidden = 1]] = [dict.shape(first), dict.shape(`${prefix}weight_hh_l0`)];
  const cell = CELLS[rows / hidden];
  return cell === undefined || dict.has(`${prefix}weight_hr_l0`) ? undefined : { prefix, cell };
}

function build(draft: Draft, options: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const { prefix, cell } = cellOf(dict)!;
  const { positions = [6], pool = 'none' } = options;
  if (!options.positions) draft.note(`inputs of ${positions[0]} steps are assumed (option positions)`);
  if (!options.pool) draft.note('the head is assumed to read every step (option pool)');
  if (cell === 'rnn' && !options.nonlinearity) draft.note('tanh is assumed inside the cells (option nonlinearity)');
  const others = layersOf(
    dict,
    dict.names.filter((name) => !/(weight|bias)_[ih]h_l\d+(_reverse)?$/.test(name)),
  );
  const [, read = 1] = dict.shape(`${prefix}weight_ih_l0`);
  const embedding = others.find((name) => {
    const shape = dict.shape(`${name}.weight`);
    return shape.length === 2 && shape[1] === read && isBefore(dict, `${name}.weight`, `${prefix}weight_ih_l0`);
  });
  let value = addStart(draft, embedding, read, positions);
  const both = dict.has(`${prefix}weight_ih_l0_reverse`);
  const depth = dict.count(`${prefix}weight_ih_l`, '');
  for (let i = 0; i < depth; i++) value = addLayer(draft, { prefix, cell, both }, i, value, options);
  const hidden = dict.shape(`${prefix}weight_hh_l0`)[1]!;
  value = addPool(draft, value, pool);
  const start = { value, channels: both ? 2 * hidden : hidden, positions: pool === 'none' ? positions : [] };
  const { value: output } = addChain(
    draft,
    others.filter((name) => name !== embedding),
    start,
    options,
  );
  return { output, name: options.name ?? `${cell} ${hidden}x${depth}` };
}

/** Files that aren't in the network's order are told by the names that embeddings have. */
const isBefore = (dict: StateDict, name: string, other: string) =>
  /emb/i.test(name) || (dict.names.indexOf(name) < dict.names.indexOf(other) && !/fc|head|linear|out|dec/i.test(name));

function addStart(draft: Draft, embedding: string | undefined, size: number, positions: readonly number[]): string {
  if (embedding === undefined) return draft.input({ name: 'x', size, positions });
  const [indices = 1] = draft.dict.shape(`${embedding}.weight`);
  const x = draft.input({ name: 'x', size: 1, positions, indices });
  return draft.addNamed(embedding, 'embedding', x, { size });
}

interface Cells {
  readonly prefix: string;
  readonly cell: string;
  readonly both: boolean;
}

function addLayer(
  draft: Draft,
  { prefix, cell, both }: Cells,
  i: number,
  x: string,
  { nonlinearity = 'tanh' }: RecognizeOptions,
): string {
  const { dict } = draft;
  const bias = dict.has(`${prefix}bias_ih_l${i}`);
  const own = ['weight_ih', 'weight_hh', ...(bias ? ['bias_ih', 'bias_hh'] : [])];
  const one = (suffix: string) => {
    const origins: Origins = Object.fromEntries(own.map((name) => [name, `${prefix}${name}_l${i}${suffix}`]));
    const [, size = 1] = dict.shape(`${prefix}weight_hh_l${i}${suffix}`);
    const settings = { size, bias, reverse: suffix !== '', ...(cell === 'rnn' && { nonlinearity }) };
    return draft.add(`${prefix}${cell}_l${i}${suffix}`, cell, x, settings, origins);
  };
  if (!both) return one('');
  return draft.add(`${prefix}${cell}_l${i}_both`, 'concat', [one(''), one('_reverse')]);
}
