import { addBlock, addLinear, headsOf } from '../blocks.ts';
import type { BlockNames } from '../blocks.ts';
import type { Draft } from '../draft.ts';
import { addChain, layersOf } from '../chain-layers.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';

const ANCHOR = 'self_attn.in_proj_weight';

const block: BlockNames = {
  norm1: 'norm1',
  norm2: 'norm2',
  qkv: { weight: 'self_attn.in_proj_weight', bias: 'self_attn.in_proj_bias' },
  out: 'self_attn.out_proj',
  fc1: 'linear1',
  fc2: 'linear2',
};

/**
 * PyTorch's `nn.TransformerEncoder` and `nn.TransformerEncoderLayer`, with an embedding or a linear layer before and linear
 * layers behind. Whether norms stand before or after, and the activation, no tensor tells: options `order` (PyTorch's
 * default, after) and `activation`.
 */
export const transformerEncoder: Scheme = {
  name: 'torch-transformer-encoder',
  matches: (dict) => {
    const found = dict.names.find((name) => name === ANCHOR || name.endsWith(`.${ANCHOR}`));
    if (found === undefined || dict.names.some((name) => name.includes('multihead_attn.'))) return false;
    const prefix = found.slice(0, -ANCHOR.length);
    return dict.has(`${prefix}linear1.weight`) && dict.has(`${prefix}norm1.weight`);
  },
  build,
};

function build(draft: Draft, options: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const first = dict.names.find((name) => name.endsWith(ANCHOR))!.slice(0, -ANCHOR.length);
  const stack = /\d+\.$/.test(first) ? first.replace(/\d+\.$/, '') : undefined;
  const depth = stack === undefined ? 1 : dict.count(stack, `.${ANCHOR}`);
  const blocks = stack === undefined ? [first] : Array.from({ length: depth }, (_, i) => `${stack}${i}.`);
  const [, width = 1] = dict.shape(`${first}${ANCHOR}`);
  const { order = 'post', activation = 'unknown', positions = [8], pool = 'none' } = options as Options;
  if (!options.order)
    draft.note('norms are assumed to stand after the sums, which is PyTorch’s default (option order)');
  if (!options.activation)
    draft.note('the activation isn’t known (option activation): only orders of neurons are claimed');
  if (!options.positions) draft.note(`inputs of ${positions[0]} tokens are assumed (option positions)`);
  const inside = stack?.replace(/layers\.$/, '') ?? first;
  const outside = dict.names.filter((name) => !blocks.some((prefix) => name.startsWith(prefix)));
  const finalNorm = stack !== undefined && dict.has(`${inside}norm.weight`) ? `${inside}norm` : undefined;
  const others = layersOf(dict, outside).filter((name) => name !== finalNorm);
  const before = others.filter(
    (name) => dict.names.indexOf(`${name}.weight`) < dict.names.indexOf(`${first}${ANCHOR}`),
  );
  let value = addStart(draft, before, width, positions);
  const settings = { heads: headsOf(draft, width, options), order, epsilon: 1e-5, activation: activation as 'gelu' };
  for (const prefix of blocks) value = addBlock(draft, prefix, value, block, settings);
  if (finalNorm !== undefined) value = draft.addNamed(finalNorm, 'layer-norm', value);
  value = addPool(draft, value, pool);
  const behind = others.filter((name) => !before.includes(name));
  const output = addChain(
    draft,
    behind,
    { value, channels: width, positions: pool === 'none' ? positions : [] },
    options,
  );
  return { output: output.value, name: options.name ?? `transformer ${width}x${depth}` };
}

type Options = Omit<RecognizeOptions, 'activation'> & { readonly activation?: string };

/** What makes tokens of words or of vectors: at most one layer. */
function addStart(draft: Draft, before: readonly string[], width: number, positions: readonly number[]): string {
  const { dict } = draft;
  const [name] = before;
  if (name === undefined) return draft.input({ name: 'x', size: width, positions });
  const [rows = 1, columns = 1] = dict.shape(`${name}.weight`);
  if (rows === width && (columns !== width || !/emb|tok/i.test(name)))
    return addLinear(draft, name, draft.input({ name: 'x', size: columns, positions }));
  const x = draft.input({ name: 'x', size: 1, positions, indices: rows });
  return draft.addNamed(name, 'embedding', x, { size: columns });
}

/** One vector of tokens, as the user says. */
export function addPool(draft: Draft, x: string, pool: RecognizeOptions['pool']): string {
  if (pool === 'mean') return draft.add('pool', 'global-pool', x);
  if (pool === 'first' || pool === 'last')
    return draft.add('pool', 'select-token', x, { index: pool === 'first' ? 0 : -1 });
  return x;
}
