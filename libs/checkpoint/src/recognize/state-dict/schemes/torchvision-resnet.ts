import type { Draft, Origins } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';

/**
 * ResNets of torchvision and their like: `conv1`, `bn1`, `layer1.0.conv1` …, `layer2.0.downsample.0`, `fc`; basic blocks and
 * bottlenecks, wide ones, and those with groups (ResNeXt). Also with `shortcut` and `linear` for the last two.
 *
 * Strides are torchvision's: 2 in the first block of each stage but the first, in a bottleneck on its 3 × 3 convolution. A
 * stem of 7 × 7 has stride 2 and a pooling behind it, one of 3 × 3 has neither.
 * Source: He et al. 2016, arXiv:1512.03385.
 */
export const torchvisionResnet: Scheme = {
  name: 'torchvision-resnet',
  matches: (dict) => {
    const prefix = dict.prefixOf('layer1.0.conv1.weight');
    return prefix !== undefined && dict.has(`${prefix}conv1.weight`) && dict.has(`${prefix}bn1.running_mean`);
  },
  build,
};

function build(draft: Draft, { positions, name = 'resnet' }: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const prefix = dict.prefixOf('layer1.0.conv1.weight')!;
  const [, channels = 3, kernel = 7] = dict.shape(`${prefix}conv1.weight`);
  const large = kernel > 3;
  if (!positions) draft.note(`images of ${large ? '224 × 224' : '32 × 32'} pixels are assumed (option positions)`);
  draft.note('strides, paddings and poolings are those of torchvision: no tensor tells them');
  let value = draft.input({ name: 'x', size: channels, positions: positions ?? (large ? [224, 224] : [32, 32]) });
  value = addConv(draft, `${prefix}conv1`, value, large ? 2 : 1);
  value = addNorm(draft, `${prefix}bn1`, value, true);
  if (large) value = addPool(draft, value);
  let depth = 1;
  for (let stage = 1; dict.has(`${prefix}layer${stage}.0.conv1.weight`); stage++) {
    const blocks = dict.count(`${prefix}layer${stage}.`, '.conv1.weight');
    for (let block = 0; block < blocks; block++) {
      const at = `${prefix}layer${stage}.${block}`;
      value = addBlock(draft, at, value, block === 0 && stage > 1 ? 2 : 1);
      depth += dict.has(`${at}.conv3.weight`) ? 3 : 2;
    }
  }
  const head = ['fc', 'linear'].map((own) => `${prefix}${own}`).find((own) => dict.has(`${own}.weight`));
  value = draft.add('avgpool', 'global-pool', value);
  if (head === undefined) return { output: value, name: `${name}${depth}` };
  const output = draft.addNamed(head, 'linear', value, { size: dict.shape(`${head}.weight`)[0], output: 'y' });
  return { output, name: name === 'resnet' ? `resnet${depth + 1}` : name };
}

function addBlock(draft: Draft, at: string, x: string, stride: number): string {
  const { dict } = draft;
  const bottleneck = dict.has(`${at}.conv3.weight`);
  const convs = bottleneck ? 3 : 2;
  let value = x;
  for (let i = 1; i <= convs; i++) {
    value = addConv(draft, `${at}.conv${i}`, value, i === (bottleneck ? 2 : 1) ? stride : 1);
    value = addNorm(draft, `${at}.bn${i}`, value, i < convs);
  }
  const skip = ['downsample', 'shortcut'].map((own) => `${at}.${own}`).find((own) => dict.has(`${own}.0.weight`));
  const other = skip === undefined ? x : addNorm(draft, `${skip}.1`, addConv(draft, `${skip}.0`, x, stride), false);
  const sum = draft.add(at, 'add', [value, other], { activation: 'relu' });
  draft.channels.set(sum, draft.channels.get(value)!);
  return sum;
}

/** Convolutions count which of the input's channels they read; the rest are groups. */
function addConv(draft: Draft, tensor: string, x: string, strides: number): string {
  const [size = 1, , kernel = 1, width = 1] = draft.dict.shape(`${tensor}.weight`);
  const padding = [Math.floor(kernel / 2), Math.floor(width / 2)];
  const groups = draft.groups(x, `${tensor}.weight`);
  const settings = { size, kernel: [kernel, width], strides, padding, groups };
  const value = draft.addNamed(tensor, 'conv2d', x, settings);
  draft.channels.set(value, size);
  return value;
}

function addNorm(draft: Draft, tensor: string, x: string, active: boolean): string {
  const origins: Origins = Object.fromEntries(
    ['weight', 'bias', 'running_mean', 'running_var'].map((own) => [own, `${tensor}.${own}`]),
  );
  const value = draft.add(tensor, 'batch-norm', x, active ? { activation: 'relu' } : {}, origins);
  draft.channels.set(value, draft.dict.shape(`${tensor}.weight`)[0] ?? 1);
  return value;
}

function addPool(draft: Draft, x: string): string {
  const value = draft.add('maxpool', 'max-pool', x, { kernel: [3, 3], strides: 2, padding: 1 });
  draft.channels.set(value, draft.channels.get(x)!);
  return value;
}
