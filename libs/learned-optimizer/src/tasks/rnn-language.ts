/** @file Recurrent language models on bytes, and a family that varies them. */
import { initializations, rnn } from '@weightspace/architecture';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

import { checkWhole } from '../kinds.ts';
import { checkAllKnown, checkFilled, checkKnown, logWholeOf, oneOf, wholeOf, wholeRange } from './draws.ts';
import { BYTES, checkText, languageTask } from './language.ts';
import type { Task, TaskFamily, TaskKind } from './task.ts';

const cells = ['rnn', 'irnn', 'gru', 'lstm'] as const;

const fixed = {
  /** As in libs/dataset. */
  text: 'opticks',
  /** 'rnn' (tanh), 'irnn' (ReLU, recurrent weights that start as the identity), 'gru' or 'lstm'. */
  cell: 'lstm',
  /** Channels of the embedding. */
  embedding: 32,
  /** Neurons of each recurrent layer. */
  hidden: [64] as readonly number[],
  length: 32,
  /** Initialization, of libs/architecture, of the last layer; embeddings and cells start as PyTorch's. */
  init: 'torch-linear',
  batch: 32,
};
export type RnnLanguageSettings = typeof fixed;

const varied = {
  text: 'opticks',
  cells: ['rnn', 'irnn', 'gru', 'lstm'] as readonly string[],
  /** Least and greatest number of channels of the embedding, drawn log-uniformly. */
  embeddings: [8, 32] as readonly number[],
  /** Least and greatest width of recurrent layers, drawn log-uniformly, the same for all of a network. */
  widths: [16, 64] as readonly number[],
  /** Least and greatest number of recurrent layers. */
  depths: [1, 2] as readonly number[],
  /** Least and greatest length of a piece of text, drawn log-uniformly. */
  lengths: [8, 32] as readonly number[],
  inits: ['torch-linear', 'glorot-normal', 'kaiming-uniform', 'orthogonal'] as readonly string[],
  batch: 32,
};
export type RnnLanguageFamilySettings = typeof varied;

/**
 * Recurrent networks of one shape that predict the next byte of a text.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `RNNLM_lm1bbytes_Patch32_{IRNN,LSTM,GRU}128_Embed64`: batches of 128. Departs: half the
 * sizes and a quarter of the batch, unless set so; another text; states start at 0 and aren't learned.
 */
export function rnnLanguage(settings: RnnLanguageSettings): TaskFamily {
  const task = rnnLanguageTask('rnn-language', settings);
  return { name: task.name, sample: () => task };
}

/**
 * Recurrent language models whose cell, sizes, depth, length and start are drawn for each task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `ParametricLMRNN`. Departs: which choices, and their ranges.
 */
export function rnnLanguageFamily(settings: RnnLanguageFamilySettings): TaskFamily {
  const kind = 'rnn-language-family';
  const { text, inits, batch } = settings;
  const embeddings = wholeRange(kind, 'embeddings', settings.embeddings);
  const widths = wholeRange(kind, 'widths', settings.widths);
  const depths = wholeRange(kind, 'depths', settings.depths);
  const lengths = wholeRange(kind, 'lengths', settings.lengths);
  checkText(kind, text, lengths[1]);
  checkAllKnown(kind, 'cells', settings.cells, cells);
  checkAllKnown(kind, 'inits', inits, initializations());
  const sample = (stream: RandomStream): Task =>
    rnnLanguageTask(kind, {
      text,
      cell: oneOf(stream, settings.cells),
      embedding: logWholeOf(stream, embeddings),
      hidden: Array<number>(wholeOf(stream, depths)).fill(logWholeOf(stream, widths)),
      length: logWholeOf(stream, lengths),
      init: oneOf(stream, inits),
      batch,
    });
  return { name: `rnn-language-family ${text}`, sample };
}

function rnnLanguageTask(kind: string, settings: RnnLanguageSettings): Task {
  const { text, cell, embedding, hidden, length, init, batch } = settings;
  checkText(kind, text, length);
  checkKnown(kind, 'cell', cell, cells);
  checkFilled(kind, 'hidden', hidden);
  hidden.forEach((size, i) => checkWhole(kind, `hidden[${i}]`, size));
  checkWhole(kind, 'embedding', embedding);
  checkWhole(kind, 'batch', batch);
  checkKnown(kind, 'init', init, initializations());
  const irnn = cell === 'irnn';
  const architecture = rnn({
    cell: irnn ? 'rnn' : (cell as Exclude<(typeof cells)[number], 'irnn'>),
    ...(irnn && { nonlinearity: 'relu' }),
    steps: length,
    vocabulary: BYTES,
    embedding,
    hidden,
    gives: 'sequence',
    outputs: BYTES,
  });
  const name = `${cell} ${[embedding, ...hidden].join('-')}`;
  const task = languageTask({ name, architecture, text, length, init, batch });
  if (!irnn) return task;
  return { ...task, initialize: (stream, count) => asIdentity(task.initialize(stream, count)) };
}

/** Source: Le, Jaitly and Hinton 2015, arXiv:1504.00941, section 2. Departs: input weights keep their start. */
const asIdentity = (params: NdArrays): NdArrays =>
  Object.fromEntries(
    Object.entries(params).map(([name, array]) => {
      if (/^rnn\d+\.bias_/.test(name)) return [name, filled(array, () => 0)];
      if (!/^rnn\d+\.weight_hh$/.test(name)) return [name, array];
      const size = array.shape[1]!;
      return [name, filled(array, (i) => (Math.floor(i / size) % size === i % size ? 1 : 0))];
    }),
  );

const filled = (array: NdArray, value: (i: number) => number): NdArray =>
  ({ ...array, data: array.data.map((_, i) => value(i)) }) as NdArray;

export const rnnLanguageKind: TaskKind<RnnLanguageSettings> = {
  kind: 'rnn-language',
  source: "learned_optimization's RNNLM_lm1bbytes tasks",
  settings: fixed,
  create: rnnLanguage,
};
export const rnnLanguageFamilyKind: TaskKind<RnnLanguageFamilySettings> = {
  kind: 'rnn-language-family',
  source: "learned_optimization's ParametricLMRNN",
  settings: varied,
  create: rnnLanguageFamily,
};
