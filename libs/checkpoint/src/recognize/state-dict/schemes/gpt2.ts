import { addBlock, addLinear, headsOf } from '../blocks.ts';
import type { BlockNames } from '../blocks.ts';
import type { Draft } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';

const ANCHOR = 'h.0.attn.c_attn.weight';

const block: BlockNames = {
  norm1: 'ln_1',
  norm2: 'ln_2',
  qkv: { weight: 'attn.c_attn.weight', bias: 'attn.c_attn.bias' },
  out: 'attn.c_proj',
  fc1: 'mlp.c_fc',
  fc2: 'mlp.c_proj',
};

/**
 * GPT-2: `wte`, `wpe`, `h.0.attn.c_attn`, …, `ln_f`, `lm_head`. Hugging Face stores these weights as [in, out] (Conv1D) and
 * takes GELU by tanh; nanoGPT has the same names with [out, in] and the exact GELU. The shape of `c_attn` tells them apart.
 *
 * Source: Radford et al. 2019.
 */
export const gpt2: Scheme = {
  name: 'gpt2',
  matches: (dict) => {
    const prefix = dict.prefixOf(ANCHOR);
    return prefix !== undefined && dict.has(`${prefix}wte.weight`) && dict.has(`${prefix}wpe.weight`);
  },
  build,
};

function build(draft: Draft, options: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const prefix = dict.prefixOf(ANCHOR)!;
  const [words = 1, width = 1] = dict.shape(`${prefix}wte.weight`);
  const [tokens = 1] = dict.shape(`${prefix}wpe.weight`);
  const transposed = dict.shape(`${prefix}${ANCHOR}`)[0] === width;
  const { activation = transposed ? 'gelu-tanh' : 'gelu' } = options as { activation?: string };
  draft.note(`inputs of ${tokens} tokens are assumed: as many as the table of positions has`);
  const heads = headsOf(draft, width, options);
  const settings = { heads, order: 'pre', epsilon: 1e-5, causal: true, transposed } as const;
  const x = draft.input({ name: 'x', size: 1, positions: [tokens], indices: words });
  let value = draft.addNamed(`${prefix}wte`, 'embedding', x, { size: width });
  value = draft.addNamed(`${prefix}wpe`, 'position-table', value);
  const depth = dict.count(`${prefix}h.`, '.attn.c_attn.weight');
  for (let i = 0; i < depth; i++) {
    const at = `${prefix}h.${i}.`;
    // The causal mask: a buffer, and no bias.
    if (dict.has(`${at}attn.bias`)) dict.carry(`${at}attn.bias`);
    value = addBlock(draft, at, value, block, { ...settings, activation: activation as 'gelu' });
  }
  value = norm(draft, `${prefix}ln_f`, value);
  return { output: addHead(draft, prefix, value), name: options.name ?? `gpt2 ${width}x${depth}` };
}

const norm = (draft: Draft, name: string, x: string): string =>
  draft.addNamed(name, 'layer-norm', x, { epsilon: 1e-5 });

function addHead(draft: Draft, prefix: string, x: string): string {
  const { dict } = draft;
  const name = [`${prefix.replace(/transformer\.$/, '')}lm_head`, `${prefix}lm_head`].find((own) =>
    dict.has(`${own}.weight`),
  );
  if (name === undefined) {
    draft.note('no head in the file: the network gives the last norm');
    return x;
  }
  const tied = draft.tied(`${prefix}wte.weight`, `${name}.weight`);
  if (!tied) return addLinear(draft, name, x, false, { output: 'y' });
  const size = dict.shape(`${prefix}wte.weight`)[0];
  return draft.add(name, 'linear', x, { size, bias: false, output: 'y', tied: { weight: tied } });
}
