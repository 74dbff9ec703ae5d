import { addBlock, addLinear, headsOf } from '../blocks.ts';
import type { BlockNames } from '../blocks.ts';
import type { Draft } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';

interface Names {
  readonly scheme: string;
  readonly classToken: string;
  readonly patches: string;
  readonly positions: string;
  /** Before a block's number. */
  readonly blocks: string;
  readonly block: BlockNames;
  readonly norm: string;
  readonly head: string;
  readonly epsilon: number;
}

/** Vision transformers whose names differ and which are alike: torchvision's, timm's, and those of Hugging Face. */
const all: readonly Names[] = [
  {
    scheme: 'torchvision-vit',
    classToken: 'class_token',
    patches: 'conv_proj',
    positions: 'encoder.pos_embedding',
    blocks: 'encoder.layers.encoder_layer_',
    block: {
      ...{ norm1: 'ln_1', norm2: 'ln_2', out: 'self_attention.out_proj', fc1: 'mlp.0', fc2: 'mlp.3' },
      qkv: { weight: 'self_attention.in_proj_weight', bias: 'self_attention.in_proj_bias' },
    },
    ...{ norm: 'encoder.ln', head: 'heads.head', epsilon: 1e-6 },
  },
  {
    scheme: 'timm-vit',
    ...{ classToken: 'cls_token', patches: 'patch_embed.proj', positions: 'pos_embed', blocks: 'blocks.' },
    block: {
      ...{ norm1: 'norm1', norm2: 'norm2', out: 'attn.proj', fc1: 'mlp.fc1', fc2: 'mlp.fc2' },
      qkv: { weight: 'attn.qkv.weight', bias: 'attn.qkv.bias' },
    },
    ...{ norm: 'norm', head: 'head', epsilon: 1e-6 },
  },
  {
    scheme: 'hf-vit',
    classToken: 'vit.embeddings.cls_token',
    patches: 'vit.embeddings.patch_embeddings.projection',
    positions: 'vit.embeddings.position_embeddings',
    blocks: 'vit.encoder.layer.',
    block: {
      ...{ norm1: 'layernorm_before', norm2: 'layernorm_after', out: 'attention.output.dense' },
      ...{ fc1: 'intermediate.dense', fc2: 'output.dense' },
      qkv: ['attention.attention.query', 'attention.attention.key', 'attention.attention.value'],
    },
    ...{ norm: 'vit.layernorm', head: 'classifier', epsilon: 1e-12 },
  },
];

export const visionTransformers: readonly Scheme[] = all.map((names) => ({
  name: names.scheme,
  matches: (dict) => {
    const prefix = dict.prefixOf(names.positions);
    return prefix !== undefined && [`${names.patches}.weight`, names.classToken].every((own) => dict.has(prefix + own));
  },
  build: (draft, options) => build(draft, names, options),
}));

function build(draft: Draft, names: Names, options: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const prefix = dict.prefixOf(names.positions)!;
  const at = (own: string) => `${prefix}${own}`;
  const [width = 1, channels = 3, patch = 1, across = patch] = dict.shape(at(`${names.patches}.weight`));
  const tokens = (dict.shape(at(names.positions))[1] ?? 1) - 1;
  const side = Math.round(Math.sqrt(tokens));
  const positions = options.positions ?? [side * patch, side * across];
  if (!options.positions) draft.note(`square images of ${positions.join(' × ')} pixels are assumed (option positions)`);
  const heads = headsOf(draft, width, options);
  const block = withOldNames(names, (own) => dict.has(at(`${names.blocks}0.${own}.weight`)));
  let value = draft.input({ name: 'x', size: channels, positions });
  const window = { kernel: [patch, across], strides: [patch, across] };
  value = draft.addNamed(at(names.patches), 'conv2d', value, { size: width, ...window });
  value = draft.add('tokens', 'to-tokens', value);
  const row = (tensor: string, count: number) => ({ weight: { tensor, steps: [{ reshape: [count, width] }] } });
  value = draft.add(at(names.classToken), 'class-token', value, {}, row(at(names.classToken), 1));
  value = draft.add(at(names.positions), 'position-table', value, {}, row(at(names.positions), tokens + 1));
  const { epsilon } = names;
  const { activation = 'gelu' } = options;
  const depth = dict.count(at(names.blocks), `.${block.norm1}.weight`);
  for (let i = 0; i < depth; i++) {
    value = addBlock(draft, at(`${names.blocks}${i}.`), value, block, { heads, order: 'pre', epsilon, activation });
  }
  value = draft.addNamed(at(names.norm), 'layer-norm', value, { epsilon });
  value = draft.add('pool', 'select-token', value);
  const head = [names.head, 'heads.0', 'heads'].map(at).find((own) => dict.has(`${own}.weight`));
  if (head !== undefined) value = addLinear(draft, head, value, false, { output: 'y' });
  return { output: value, name: options.name ?? `vit ${width}x${depth}/${patch}` };
}

/** torchvision before 0.13 called the two linear layers so. */
function withOldNames({ block }: Names, has: (own: string) => boolean): BlockNames {
  return has('mlp.linear_1') ? { ...block, fc1: 'mlp.linear_1', fc2: 'mlp.linear_2' } : block;
}
