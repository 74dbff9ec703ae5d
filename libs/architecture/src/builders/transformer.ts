import { ArchitectureError } from '../architecture-error.ts';
import type { Architecture, InputSpec } from '../architecture.ts';
import { LayerList } from './layer-list.ts';
import type { ActivationOption } from './layer-list.ts';

/** What the blocks of a transformer are made of. */
export interface BlockOptions {
  /** Channels of the residual stream. */
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Fewer than heads for grouped queries. */
  readonly keyHeads?: number;
  /** Neurons between; 4 · width unless said otherwise. */
  readonly hidden?: number;
  /** Norm before each branch ('pre', unless said otherwise), or after each sum ('post'). */
  readonly order?: 'pre' | 'post';
  readonly norm?: 'layer-norm' | 'rms-norm';
  /** GELU unless said otherwise. */
  readonly activation?: ActivationOption;
  /** Multiplies the hidden neurons by those of a second linear layer (GLU variants). */
  readonly gated?: boolean;
  /** q, k and v in one matrix; true unless said otherwise. */
  readonly fused?: boolean;
  readonly bias?: boolean;
  readonly causal?: boolean;
  readonly rotary?: 'none' | 'halves' | 'pairs';
}

export interface TransformerOptions extends BlockOptions {
  readonly tokens: number;
  /** Words, which are embedded; else `size` channels for each token. */
  readonly vocabulary?: number;
  readonly size?: number;
  /** A learned vector for each position; true unless there are rotary embeddings. */
  readonly positionTable?: boolean;
  /** Which tokens the head reads; 'mean' of all unless said otherwise, 'none' keeps them apart. */
  readonly pool?: 'mean' | 'first' | 'last' | 'none';
  readonly outputs: number;
  /** The head's weight is that of the embedding; needs as many outputs as words. */
  readonly tied?: boolean;
  readonly name?: string;
}

/**
 * Transformer blocks on tokens, and a linear head.
 *
 * Layers are `embed`, `positions`, then `block1_norm1`, `block1_attention`, `block1_norm2`, `block1_fc1`, `block1_fc2`, …,
 * `norm`, `pool`, `head`; the output is `y`.
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: Vaswani et al. 2017, arXiv:1706.03762 ('post'); Xiong et al. 2020, arXiv:2002.04745 ('pre'); Shazeer 2020,
 * arXiv:2002.05202 (gated). Departs: no dropout; one stack, encoder or (causal) decoder.
 */
export function transformer(options: TransformerOptions): Architecture {
  const { tokens, vocabulary, size, width, pool = 'mean', outputs, order = 'pre', rotary = 'none' } = options;
  if ((vocabulary === undefined) === (size === undefined)) {
    throw new ArchitectureError('transformer', 'vocabulary and size', 'one of both', { vocabulary, size });
  }
  if (options.tied && outputs !== vocabulary) {
    throw new ArchitectureError('transformer', 'outputs', `the ${vocabulary ?? 0} words, to be tied`, outputs);
  }
  const input: InputSpec = {
    name: 'x',
    size: size ?? 1,
    positions: [tokens],
    ...(vocabulary && { indices: vocabulary }),
  };
  const layers = new LayerList();
  let value = layers.add('embed', vocabulary === undefined ? 'linear' : 'embedding', 'x', { size: width });
  if (options.positionTable ?? rotary === 'none') value = layers.add('positions', 'position-table', value);
  value = addBlocks(layers, value, options);
  if (order === 'pre') value = layers.add('norm', options.norm ?? 'layer-norm', value);
  if (pool === 'mean') value = layers.add('pool', 'global-pool', value);
  if (pool === 'first' || pool === 'last') {
    value = layers.add('pool', 'select-token', value, { index: pool === 'first' ? 0 : -1 });
  }
  const head = options.tied ? { bias: false, tied: { weight: 'embed.weight' } } : {};
  layers.add('head', 'linear', value, { size: outputs, output: 'y', ...head });
  return layers.define(options.name ?? `transformer ${width}x${options.depth}`, input, 'y');
}

export interface VitOptions extends BlockOptions {
  /** Height and width, multiples of the patch. */
  readonly positions: readonly [number, number];
  /** Channels of the image; 3 unless said otherwise. */
  readonly size?: number;
  readonly patch: number;
  /** 'class': a token of its own. */
  readonly pool?: 'class' | 'mean';
  readonly outputs: number;
  readonly name?: string;
}

/**
 * A vision transformer.
 *
 * Layers are `patches`, `tokens`, `class`, `positions`, blocks as in `transformer`, `norm`, `pool`, `head`.
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: Dosovitskiy et al. 2021, arXiv:2010.11929. Departs: no dropout.
 */
export function vit(options: VitOptions): Architecture {
  const { positions, size = 3, patch, width, pool = 'class', outputs, order = 'pre' } = options;
  if (positions.some((n) => n % patch !== 0)) {
    throw new ArchitectureError('vit', 'positions', `multiples of the patch ${patch}`, positions);
  }
  const layers = new LayerList();
  let value = layers.add('patches', 'conv2d', 'x', { size: width, kernel: patch, strides: patch });
  value = layers.add('tokens', 'to-tokens', value);
  if (pool === 'class') value = layers.add('class', 'class-token', value);
  value = layers.add('positions', 'position-table', value);
  value = addBlocks(layers, value, options);
  if (order === 'pre') value = layers.add('norm', options.norm ?? 'layer-norm', value);
  value = pool === 'class' ? layers.add('pool', 'select-token', value) : layers.add('pool', 'global-pool', value);
  layers.add('head', 'linear', value, { size: outputs, output: 'y' });
  return layers.define(options.name ?? `vit ${width}x${options.depth}/${patch}`, { name: 'x', size, positions }, 'y');
}

function addBlocks(layers: LayerList, x: string, options: BlockOptions): string {
  let value = x;
  for (let block = 1; block <= options.depth; block++) value = addBlock(layers, `block${block}`, value, options);
  return value;
}

function addBlock(layers: LayerList, name: string, x: string, options: BlockOptions): string {
  const { order = 'pre', norm = 'layer-norm' } = options;
  let value = x;
  [addAttention, addFeedForward].forEach((branch, i) => {
    const read = order === 'pre' ? layers.add(`${name}_norm${i + 1}`, norm, value) : value;
    value = layers.add(`${name}_sum${i + 1}`, 'add', [value, branch(layers, name, read, options)]);
    if (order === 'post') value = layers.add(`${name}_norm${i + 1}`, norm, value);
  });
  return value;
}

function addAttention(layers: LayerList, name: string, x: string, options: BlockOptions): string {
  const { width, heads, keyHeads = heads, fused = true, bias = true, causal = false, rotary = 'none' } = options;
  const settings = { size: width, heads, keyHeads, fused, bias, outBias: bias, causal, rotary };
  return layers.add(`${name}_attention`, 'attention', x, settings);
}

function addFeedForward(layers: LayerList, name: string, x: string, options: BlockOptions): string {
  const { width, hidden = 4 * width, bias = true, activation = 'gelu', gated = false } = options;
  let value = layers.add(`${name}_fc1`, 'linear', x, { size: hidden, bias, activation });
  if (gated) {
    const gate = layers.add(`${name}_gate`, 'linear', x, { size: hidden, bias });
    value = layers.add(`${name}_gated`, 'multiply', [value, gate]);
  }
  return layers.add(`${name}_fc2`, 'linear', value, { size: width, bias });
}
