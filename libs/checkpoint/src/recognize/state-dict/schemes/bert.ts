import { addBlock, addLinear, headsOf } from '../blocks.ts';
import type { BlockNames } from '../blocks.ts';
import type { Draft } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';

const ANCHOR = 'embeddings.word_embeddings.weight';
const EPSILON = 1e-12;

const block: BlockNames = {
  qkv: ['attention.self.query', 'attention.self.key', 'attention.self.value'],
  out: 'attention.output.dense',
  norm1: 'attention.output.LayerNorm',
  fc1: 'intermediate.dense',
  fc2: 'output.dense',
  norm2: 'output.LayerNorm',
};

/**
 * BERTs as Hugging Face names them: `embeddings.word_embeddings`, `encoder.layer.0.attention.self.query`, …, with the heads
 * `pooler`, `cls.predictions`, `cls.seq_relationship`, `classifier`.
 *
 * Source: Devlin et al. 2019, arXiv:1810.04805; epsilon 1e-12 and GELU as there.
 */
export const bert: Scheme = {
  name: 'bert',
  matches: (dict) => {
    const prefix = dict.prefixOf(ANCHOR);
    return prefix !== undefined && dict.has(`${prefix}encoder.layer.0.attention.self.query.weight`);
  },
  build,
};

function build(draft: Draft, options: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const prefix = dict.prefixOf(ANCHOR)!;
  const [, width = 1] = dict.shape(`${prefix}${ANCHOR}`);
  const { activation = 'gelu' } = options;
  const settings = { heads: headsOf(draft, width, options), order: 'post', epsilon: EPSILON, activation } as const;
  let value = addEmbeddings(draft, `${prefix}embeddings.`);
  const depth = dict.count(`${prefix}encoder.layer.`, '.output.dense.weight');
  for (let i = 0; i < depth; i++) value = addBlock(draft, `${prefix}encoder.layer.${i}.`, value, block, settings);
  const name = options.name ?? `bert ${width}x${depth}`;
  return { output: addHeads(draft, prefix, value, activation), name };
}

function addEmbeddings(draft: Draft, at: string): string {
  const { dict } = draft;
  const [words = 1, size = 1] = dict.shape(`${at}word_embeddings.weight`);
  const [tokens = 1] = dict.shape(`${at}position_embeddings.weight`);
  draft.note(`inputs of ${tokens} tokens are assumed: as many as the table of positions has`);
  const x = draft.input({ name: 'x', size: 1, positions: [tokens], indices: words });
  let value = draft.addNamed(`${at}word_embeddings`, 'embedding', x, { size });
  if (dict.has(`${at}token_type_embeddings.weight`)) {
    const [types = 1] = dict.shape(`${at}token_type_embeddings.weight`);
    const type = draft.input({ name: 'token_types', size: 1, positions: [tokens], indices: types });
    const read = draft.addNamed(`${at}token_type_embeddings`, 'embedding', type, { size });
    value = draft.add(`${at}sum`, 'add', [value, read]);
  }
  value = draft.addNamed(`${at}position_embeddings`, 'position-table', value);
  return draft.addNamed(`${at}LayerNorm`, 'layer-norm', value, { epsilon: EPSILON });
}

function addHeads(draft: Draft, prefix: string, x: string, activation: RecognizeOptions['activation']): string {
  const { dict } = draft;
  const outer = prefix.replace(/\w+\.$/, '');
  const has = (name: string) => dict.has(`${name}.weight`);
  const [outputs, positioned] = [[] as string[], new Set<string>()];
  let pooled: string | undefined;
  if (has(`${prefix}pooler.dense`)) {
    const first = draft.add('first_token', 'select-token', x);
    pooled = addLinear(draft, `${prefix}pooler.dense`, first, false, { activation: 'tanh' });
  }
  if (has(`${outer}cls.predictions.transform.dense`)) {
    outputs.push(addWords(draft, `${outer}cls.predictions.`, `${prefix}${ANCHOR}`, x, activation));
    positioned.add(outputs[0]!);
  }
  for (const own of ['cls.seq_relationship', 'classifier', 'qa_outputs'].map((name) => `${outer}${name}`)) {
    if (!has(own)) continue;
    const read = own.endsWith('qa_outputs') ? x : (pooled ?? x);
    outputs.push(addLinear(draft, own, read));
    if (read === x) positioned.add(outputs.at(-1)!);
  }
  if (outputs.length > 0) return draft.outputs(outputs, positioned);
  return draft.outputs(pooled === undefined ? [x] : [x, pooled], new Set([x]));
}

/** Words of masked tokens; their weight is most often that of the embedding. */
function addWords(
  draft: Draft,
  at: string,
  embedding: string,
  x: string,
  activation: RecognizeOptions['activation'],
): string {
  const { dict } = draft;
  let value = addLinear(draft, `${at}transform.dense`, x, false, { activation });
  value = draft.addNamed(`${at}transform.LayerNorm`, 'layer-norm', value, { epsilon: EPSILON });
  const [decoder, bias] = [`${at}decoder.weight`, `${at}bias`];
  const [size] = dict.shape(embedding);
  const tied = draft.tied(embedding, decoder);
  const origins = { bias, ...(!tied && { weight: decoder }) };
  const copy = `${at}decoder.bias`;
  const output = draft.add(`${at}decoder`, 'linear', value, { size, ...(tied && { tied: { weight: tied } }) }, origins);
  if (dict.has(copy)) draft.copy(bias, copy);
  return output;
}
