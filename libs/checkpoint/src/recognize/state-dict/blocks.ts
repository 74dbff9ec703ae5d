/** @file Blocks of transformers: the same in every scheme, but for the names. */
import { RecognitionError } from '../onnx/recognition-error.ts';
import { weightAndBias } from './draft.ts';
import type { Draft, Origin, Origins, Settings } from './draft.ts';
import type { RecognizeOptions } from './options.ts';

/** What follows a block's own prefix. */
export interface BlockNames {
  readonly norm1: string;
  readonly norm2: string;
  /** One tensor for q, k and v (weight and bias), or three layers. */
  readonly qkv: { readonly weight: string; readonly bias: string } | readonly [q: string, k: string, v: string];
  readonly out: string;
  readonly fc1: string;
  readonly fc2: string;
}

export interface BlockSettings {
  readonly heads: number;
  readonly order: 'pre' | 'post';
  readonly epsilon: number;
  readonly activation: RecognizeOptions['activation'];
  readonly causal?: boolean;
  /** Weights stand as [in, out]. */
  readonly transposed?: boolean;
}

/** Layers of one block. @returns the name of what it writes */
export function addBlock(draft: Draft, prefix: string, x: string, names: BlockNames, settings: BlockSettings): string {
  const { order, epsilon } = settings;
  const branches = [addAttention, addFeedForward] as const;
  return branches.reduce((value, branch, i) => {
    const norm = `${prefix}${i === 0 ? names.norm1 : names.norm2}`;
    const read = order === 'pre' ? draft.addNamed(norm, 'layer-norm', value, { epsilon }) : value;
    const sum = draft.add(`${prefix}sum${i + 1}`, 'add', [value, branch(draft, prefix, read, names, settings)]);
    return order === 'post' ? draft.addNamed(norm, 'layer-norm', sum, { epsilon }) : sum;
  }, x);
}

function addAttention(draft: Draft, prefix: string, x: string, names: BlockNames, settings: BlockSettings): string {
  const { dict } = draft;
  const { heads, causal = false, transposed } = settings;
  const fused = !Array.isArray(names.qkv);
  const projections: readonly (readonly [string, { weight: string; bias?: string }])[] = fused
    ? [['qkv', fusedNames(draft, prefix, names.qkv as { weight: string; bias: string })]]
    : (names.qkv as readonly string[]).map((name, i) => ['qkv'[i]!, weightAndBias(dict, `${prefix}${name}`)] as const);
  const out = weightAndBias(dict, `${prefix}${names.out}`);
  const origins: { [parameter: string]: Origin } = {};
  for (const [own, { weight, bias }] of [...projections, ['o', out] as const]) {
    origins[`${own}.weight`] = stored(weight, transposed);
    if (bias !== undefined) origins[`${own}.bias`] = bias;
  }
  const size = dict.shape(out.weight)[transposed ? 1 : 0] ?? 0;
  const bias = projections[0]![1].bias !== undefined;
  const own = { size, heads, fused, bias, outBias: out.bias !== undefined, causal };
  return draft.add(`${prefix}attention`, 'attention', x, own, origins);
}

function fusedNames({ dict }: Draft, prefix: string, { weight, bias }: { weight: string; bias: string }) {
  const name = `${prefix}${bias}`;
  return { weight: `${prefix}${weight}`, ...(dict.has(name) && { bias: name }) };
}

function addFeedForward(draft: Draft, prefix: string, x: string, names: BlockNames, settings: BlockSettings): string {
  const { activation, transposed } = settings;
  const hidden = addLinear(draft, `${prefix}${names.fc1}`, x, transposed, { activation });
  return addLinear(draft, `${prefix}${names.fc2}`, hidden, transposed);
}

/** A linear layer by its name in the file. */
export function addLinear(draft: Draft, name: string, x: string, transposed = false, settings: Settings = {}): string {
  const { weight, bias } = weightAndBias(draft.dict, name);
  const origins: Origins = { weight: stored(weight, transposed), ...(bias !== undefined && { bias }) };
  const size = draft.dict.shape(weight)[transposed ? 1 : 0] ?? 0;
  return draft.add(name, 'linear', x, { size, bias: bias !== undefined, ...settings }, origins);
}

const stored = (tensor: string, transposed = false): Origin =>
  transposed ? { tensor, steps: [{ transpose: [1, 0] }] } : tensor;

/** As the user says; else of 64 channels each. @throws {RecognitionError} where that isn't possible */
export function headsOf(draft: Draft, width: number, { heads }: RecognizeOptions): number {
  if (heads !== undefined) {
    if (Number.isInteger(heads) && heads > 0 && width % heads === 0) return heads;
    throw new RecognitionError('recognizeStateDict', 'option heads', `divide ${width} channels`, `${heads}`);
  }
  if (width % 64 === 0 && width > 0) {
    draft.note(`${width / 64} heads of 64 channels are assumed: names and shapes don't say it (option heads)`);
    return width / 64;
  }
  const expected = `say how many heads share ${width} channels, which 64 doesn't divide`;
  throw new RecognitionError('recognizeStateDict', 'option heads', expected, 'nothing', 'pass heads');
}
