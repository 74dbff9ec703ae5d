import { ArchitectureError } from '../architecture-error.ts';
import type { Architecture } from '../architecture.ts';
import { LayerList } from './layer-list.ts';

export interface ResnetOptions {
  /** Blocks of each stage; [2, 2, 2, 2] (ResNet-18) unless said otherwise. */
  readonly blocks?: readonly number[];
  /** Channels of each stage; 64, 128, 256, … unless said otherwise. */
  readonly channels?: readonly number[];
  /** 'imagenet': 7 × 7 with stride 2, then a pooling. 'cifar': 3 × 3. */
  readonly stem?: 'imagenet' | 'cifar';
  /** Height and width; [224, 224] unless said otherwise. */
  readonly positions?: readonly [number, number];
  /** Channels of the image; 3 unless said otherwise. */
  readonly size?: number;
  /** 1000 unless said otherwise. */
  readonly outputs?: number;
  readonly name?: string;
}

/**
 * A residual network of basic blocks with batch norms.
 *
 * Layers are called as in torchvision with '_' in place of '.': `layer1_0_conv1`, `layer2_0_downsample_0`, `fc`; the output
 * is `y`. All channels of a stage that residuals unite are one space.
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: He et al. 2016, arXiv:1512.03385; shapes of torchvision's `resnet18` and `resnet34`.
 * Departs: no bottleneck blocks.
 */
export function resnet(options: ResnetOptions = {}): Architecture {
  const { blocks = [2, 2, 2, 2], stem = 'imagenet', positions = [224, 224], size = 3, outputs = 1000 } = options;
  const channels = options.channels ?? blocks.map((_, stage) => 64 * 2 ** stage);
  if (channels.length !== blocks.length || blocks.length === 0) {
    throw new ArchitectureError('resnet', 'channels', `a list of ${blocks.length} sizes, one for each stage`, channels);
  }
  const layers = new LayerList();
  let value = addStem(layers, stem, channels[0]!);
  let width = channels[0]!;
  blocks.forEach((count, stage) => {
    for (let block = 0; block < count; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      value = addBlock(layers, `layer${stage + 1}_${block}`, value, width, channels[stage]!, stride);
      width = channels[stage]!;
    }
  });
  value = layers.add('avgpool', 'global-pool', value);
  layers.add('fc', 'linear', value, { size: outputs, output: 'y' });
  const depth = 2 * blocks.reduce((sum, count) => sum + count, 0) + 2;
  return layers.define(options.name ?? `resnet${depth}`, { name: 'x', size, positions }, 'y');
}

function addStem(layers: LayerList, stem: 'imagenet' | 'cifar', size: number): string {
  const large = stem === 'imagenet';
  const geometry = large ? { kernel: 7, strides: 2, padding: 3 } : { kernel: 3, padding: 1 };
  const conv = layers.add('conv1', 'conv2d', 'x', { size, ...geometry, bias: false });
  const norm = layers.add('bn1', 'batch-norm', conv, { activation: 'relu' });
  return large ? layers.add('maxpool', 'max-pool', norm, { kernel: [3, 3], strides: 2, padding: 1 }) : norm;
}

function addBlock(layers: LayerList, name: string, x: string, read: number, size: number, strides: number): string {
  const conv = { size, bias: false };
  let value = layers.add(`${name}_conv1`, 'conv2d', x, { ...conv, kernel: 3, strides, padding: 1 });
  value = layers.add(`${name}_bn1`, 'batch-norm', value, { activation: 'relu' });
  value = layers.add(`${name}_conv2`, 'conv2d', value, { ...conv, kernel: 3, padding: 1 });
  value = layers.add(`${name}_bn2`, 'batch-norm', value);
  let skip = x;
  if (strides !== 1 || read !== size) {
    skip = layers.add(`${name}_downsample_0`, 'conv2d', x, { ...conv, kernel: 1, strides });
    skip = layers.add(`${name}_downsample_1`, 'batch-norm', skip);
  }
  return layers.add(name, 'add', [value, skip], { activation: 'relu' });
}
