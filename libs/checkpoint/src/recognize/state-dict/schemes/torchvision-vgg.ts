import { weightAndBias } from '../draft.ts';
import type { Draft } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';
import type { StateDict } from '../state-dict.ts';

/**
 * VGGs of torchvision: `features.N` are 3 × 3 convolutions, with or without batch norms, `classifier.N` linear layers. Poolings
 * have no tensors; they are where the numbers N leave a gap for them, and behind the last convolution.
 *
 * Source: Simonyan and Zisserman 2015, arXiv:1409.1556.
 */
export const torchvisionVgg: Scheme = {
  name: 'torchvision-vgg',
  matches: (dict) => {
    const prefix = dict.prefixOf('features.0.weight');
    if (prefix === undefined || !dict.has(`${prefix}classifier.0.weight`)) return false;
    const convs = indices(dict, `${prefix}features.`).map((i) => dict.shape(`${prefix}features.${i}.weight`));
    return convs.every((shape) => shape.length === 1 || (shape.length === 4 && shape[2] === 3 && shape[3] === 3));
  },
  build,
};

/** Numbers N of layers `<prefix>N.weight`, in their order. */
const indices = (dict: StateDict, prefix: string): number[] =>
  dict.names
    .filter((name) => name.startsWith(prefix) && /^\d+\.weight$/.test(name.slice(prefix.length)))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10))
    .sort((a, b) => a - b);

function build(draft: Draft, { positions, name = 'vgg' }: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const prefix = dict.prefixOf('features.0.weight')!;
  const features = `${prefix}features.`;
  const convs = indices(dict, features).filter((i) => dict.shape(`${features}${i}.weight`).length === 4);
  const head = indices(dict, `${prefix}classifier.`).map((i) => `${prefix}classifier.${i}`);
  const pooled = convs.map((i, j) => isPooled(dict, features, i, convs[j + 1]));
  const last = dict.shape(`${features}${convs.at(-1)!}.weight`)[0]!;
  const left = Math.sqrt((dict.shape(`${head[0]!}.weight`)[1] ?? last) / last);
  const side = Math.round(left) * 2 ** pooled.filter(Boolean).length;
  const pixels = positions ?? [side, side];
  draft.note(`images of ${pixels.join(' × ')} pixels are assumed, of which ${left} × ${left} are left for the head`);
  draft.note('poolings by 2 are assumed where the numbers of the layers leave a gap for them, and ReLU between layers');
  let value = draft.input({ name: 'x', size: dict.shape(`${features}0.weight`)[1] ?? 3, positions: pixels });
  convs.forEach((i, j) => {
    value = addConv(draft, features, i, value);
    if (pooled[j]) value = draft.add(`pool${i}`, 'max-pool', value, { kernel: [2, 2] });
  });
  value = draft.add('flatten', 'flatten', value);
  head.forEach((layer, i) => {
    const size = dict.shape(`${layer}.weight`)[0];
    const end = i === head.length - 1;
    value = draft.addNamed(layer, 'linear', value, { size, ...(end ? { output: 'y' } : { activation: 'relu' }) });
  });
  return { output: value, name: name === 'vgg' ? `vgg${convs.length + head.length}` : name };
}

const isNorm = (dict: StateDict, layer: string) => dict.has(`${layer}.running_mean`);

/** A convolution, perhaps a norm, and a ReLU take a number each; what is more is a pooling. */
function isPooled(dict: StateDict, features: string, i: number, next: number | undefined): boolean {
  const taken = isNorm(dict, `${features}${i + 1}`) ? 3 : 2;
  return next === undefined || next - i > taken;
}

function addConv(draft: Draft, features: string, i: number, x: string): string {
  const { dict } = draft;
  const size = dict.shape(`${features}${i}.weight`)[0];
  const norm = `${features}${i + 1}`;
  const after = isNorm(dict, norm) ? {} : { activation: 'relu' };
  const value = draft.addNamed(`${features}${i}`, 'conv2d', x, { size, kernel: 3, padding: 1, ...after });
  if (!isNorm(dict, norm)) return value;
  const origins = {
    ...weightAndBias(dict, norm),
    running_mean: `${norm}.running_mean`,
    running_var: `${norm}.running_var`,
  };
  return draft.add(norm, 'batch-norm', value, { activation: 'relu' }, origins);
}
