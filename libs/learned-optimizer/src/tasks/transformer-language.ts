/** @file Tiny transformers as language models on bytes, and a family that varies them. */
import { activationKinds, initializations, transformer } from '@weightspace/architecture';
import type { ActivationSpec } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';

import { checkWhole, LearnedOptimizerError } from '../kinds.ts';
import { checkAllKnown, checkKnown, logWholeOf, oneOf, wholeOf, wholeRange } from './draws.ts';
import { BYTES, checkText, languageTask } from './language.ts';
import type { Task, TaskFamily, TaskKind } from './task.ts';

const fixed = {
  /** As in libs/dataset. */
  text: 'opticks',
  /** Channels of the residual stream. */
  width: 32,
  depth: 2,
  /** Divides width. */
  heads: 4,
  /** Neurons between, as a multiple of width. */
  widening: 4,
  activation: 'gelu',
  length: 32,
  /** Initialization, of libs/architecture, of linear layers; embeddings start from N(0, 1), positions from N(0, 0.02²). */
  init: 'glorot-normal',
  batch: 32,
};
export type TransformerLanguageSettings = typeof fixed;

const varied = {
  text: 'opticks',
  /** Least and greatest number of channels of a head, drawn log-uniformly. */
  headWidths: [4, 8] as readonly number[],
  /** Least and greatest number of heads. */
  heads: [1, 4] as readonly number[],
  /** Least and greatest number of blocks. */
  depths: [1, 3] as readonly number[],
  widening: 4,
  activations: ['relu', 'gelu', 'silu'] as readonly string[],
  /** Least and greatest length of a piece of text, drawn log-uniformly. */
  lengths: [8, 32] as readonly number[],
  inits: ['glorot-normal', 'torch-linear', 'kaiming-uniform', 'orthogonal'] as readonly string[],
  batch: 32,
};
export type TransformerLanguageFamilySettings = typeof varied;

/**
 * Causal transformers of one shape that predict the next byte of a text: learned positions, norms before each branch, the head's
 * weights its own.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: UNF's transformer task (Zhou et al. 2024, arXiv:2402.05232): two blocks of width 32; learned_optimization's
 * `TransformerLM_LM1B` tasks. Departs: bytes of another text, where theirs have words of LM1B; no dropout.
 */
export function transformerLanguage(settings: TransformerLanguageSettings): TaskFamily {
  const task = transformerLanguageTask('transformer-language', settings);
  return { name: task.name, sample: () => task };
}

/**
 * Transformer language models whose heads, width, depth, activation, length and start are drawn for each task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's parametric `lm_transformer`. Departs: which choices, and their ranges.
 */
export function transformerLanguageFamily(settings: TransformerLanguageFamilySettings): TaskFamily {
  const kind = 'transformer-language-family';
  const { text, widening, activations, inits, batch } = settings;
  const headWidths = wholeRange(kind, 'headWidths', settings.headWidths);
  const heads = wholeRange(kind, 'heads', settings.heads);
  const depths = wholeRange(kind, 'depths', settings.depths);
  const lengths = wholeRange(kind, 'lengths', settings.lengths);
  checkText(kind, text, lengths[1]);
  checkAllKnown(kind, 'activations', activations, activationKinds());
  checkAllKnown(kind, 'inits', inits, initializations());
  const sample = (stream: RandomStream): Task => {
    const drawn = wholeOf(stream, heads);
    return transformerLanguageTask(kind, {
      text,
      width: drawn * logWholeOf(stream, headWidths),
      depth: wholeOf(stream, depths),
      heads: drawn,
      widening,
      activation: oneOf(stream, activations),
      length: logWholeOf(stream, lengths),
      init: oneOf(stream, inits),
      batch,
    });
  };
  return { name: `transformer-language-family ${text}`, sample };
}

function transformerLanguageTask(kind: string, settings: TransformerLanguageSettings): Task {
  const { text, width, depth, heads, widening, activation, length, init, batch } = settings;
  checkText(kind, text, length);
  for (const [name, value] of Object.entries({ width, depth, heads, widening, batch })) checkWhole(kind, name, value);
  if (width % heads !== 0) throw new LearnedOptimizerError(kind, `heads must divide width ${width}, got ${heads}`);
  checkKnown(kind, 'activation', activation, activationKinds());
  checkKnown(kind, 'init', init, initializations());
  return languageTask({
    name: `${activation} transformer ${width}x${depth}, ${heads} heads`,
    architecture: transformer({
      tokens: length,
      vocabulary: BYTES,
      width,
      depth,
      heads,
      hidden: widening * width,
      activation: activation as ActivationSpec['kind'],
      causal: true,
      pool: 'none',
      outputs: BYTES,
    }),
    text,
    length,
    init,
    batch,
  });
}

export const transformerLanguageKind: TaskKind<TransformerLanguageSettings> = {
  kind: 'transformer-language',
  source: 'Zhou et al. 2024, arXiv:2402.05232',
  settings: fixed,
  create: transformerLanguage,
};
export const transformerLanguageFamilyKind: TaskKind<TransformerLanguageFamilySettings> = {
  kind: 'transformer-language-family',
  source: "learned_optimization's lm_transformer",
  settings: varied,
  create: transformerLanguageFamily,
};
