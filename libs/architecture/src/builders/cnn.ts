import { ArchitectureError } from '../architecture-error.ts';
import type { Architecture } from '../architecture.ts';
import { LayerList } from './layer-list.ts';
import type { ActivationOption } from './layer-list.ts';

export interface CnnOptions {
  /** What one image is: pixels [H, W] (or [L], or [D, H, W]) and channels. */
  readonly input: { readonly positions: readonly number[]; readonly size: number };
  /** Channels of each convolution, with poolings by 2 between them, e.g. [16, 'max', 32]. */
  readonly features: readonly (number | 'max' | 'average')[];
  /** 3 unless said otherwise. */
  readonly kernel?: number;
  /** Of each convolution, or one for each; 1 unless said otherwise. */
  readonly stride?: number | readonly number[];
  /** Half the kernel, rounded down, unless said otherwise. */
  readonly padding?: number;
  /** After each convolution, before its activation. */
  readonly norm?: 'none' | 'batch-norm' | 'layer-norm' | 'instance-norm';
  /** After each convolution and each hidden layer of the head. */
  readonly activation?: ActivationOption;
  /** How pixels become a vector: 'mean' unless said otherwise. */
  readonly pool?: 'mean' | 'max' | 'flatten';
  /** Neurons of the head's hidden layers. */
  readonly hidden?: readonly number[];
  readonly outputs: number;
  readonly bias?: boolean;
  readonly name?: string;
}

/**
 * A plain convolutional network: convolutions and poolings, then a linear head.
 *
 * Layers are `conv1`, `norm1`, `pool1`, …, `vector`, `fc1`, …; the output is `y`.
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: the networks of Unterthiner et al. 2020, arXiv:2002.11448, are three convolutions of 16 channels with stride 2 and
 * padding 0, then the mean. Departs: nothing.
 */
export function cnn(options: CnnOptions): Architecture {
  const { input, features, activation = 'relu', pool = 'mean', hidden = [], outputs, bias = true } = options;
  if (!features.some((feature) => typeof feature === 'number')) {
    throw new ArchitectureError('cnn', 'features', 'a list with channels of at least one convolution', features);
  }
  const layers = new LayerList();
  let value = convolutions(layers, options);
  value =
    pool === 'flatten'
      ? layers.add('vector', 'flatten', value)
      : layers.add('vector', 'global-pool', value, { mode: pool });
  hidden.forEach((size, i) => {
    value = layers.add(`fc${i + 1}`, 'linear', value, { size, bias, activation });
  });
  layers.add(`fc${hidden.length + 1}`, 'linear', value, { size: outputs, bias, output: 'y' });
  const channels = features.filter((feature) => typeof feature === 'number').join('-');
  return layers.define(options.name ?? `cnn ${input.size}-${channels}-${outputs}`, { name: 'x', ...input }, 'y');
}

function convolutions(layers: LayerList, options: CnnOptions): string {
  const { input, features, kernel = 3, stride = 1, norm = 'none', activation = 'relu', bias = true } = options;
  const padding = options.padding ?? Math.floor(kernel / 2);
  const axes = input.positions.length;
  const count = features.filter((feature) => typeof feature === 'number').length;
  if (typeof stride !== 'number' && stride.length !== count) {
    throw new ArchitectureError('cnn', 'stride', `a number, or one for each of ${count} convolutions`, stride);
  }
  let [value, convs, pools] = ['x', 0, 0];
  for (const feature of features) {
    if (typeof feature !== 'number') {
      value = layers.add(`pool${++pools}`, `${feature}-pool`, value, { kernel: Array<number>(axes).fill(2) });
      continue;
    }
    const strides = typeof stride === 'number' ? stride : stride[convs]!;
    convs++;
    const after = norm === 'none' ? { activation } : {};
    const settings = { size: feature, kernel, strides, padding, bias, ...after };
    value = layers.add(`conv${convs}`, `conv${axes}d`, value, settings);
    if (norm === 'none') continue;
    const affine = norm === 'instance-norm' ? { affine: true } : {};
    value = layers.add(`norm${convs}`, norm, value, { activation, ...affine });
  }
  return value;
}

export interface VggOptions {
  readonly depth: 11 | 13 | 16 | 19;
  readonly batchNorm?: boolean;
  /** Height and width, a multiple of 32; 224 unless said otherwise. */
  readonly resolution?: number;
  /** 3 unless said otherwise. */
  readonly channels?: number;
  /** Of the first stage; 64 unless said otherwise. */
  readonly width?: number;
  /** 4096 unless said otherwise. */
  readonly hidden?: number;
  /** 1000 unless said otherwise. */
  readonly outputs?: number;
  readonly name?: string;
}

const vggStages: { readonly [depth in VggOptions['depth']]: readonly number[] } = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
};

/**
 * A VGG network.
 *
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: Simonyan and Zisserman 2015, arXiv:1409.1556, table 1; shapes of torchvision's `vgg11` … `vgg19_bn`.
 * Departs: no dropout; the pixels that are left go into the head as they are, where torchvision averages them to 7 × 7.
 */
export function vgg(options: VggOptions): Architecture {
  const {
    depth,
    batchNorm = false,
    resolution = 224,
    channels = 3,
    width = 64,
    hidden = 4096,
    outputs = 1000,
  } = options;
  const stages = vggStages[depth] as readonly number[] | undefined;
  if (!stages) throw new ArchitectureError('vgg', 'depth', 'one of 11, 13, 16, 19', depth);
  return cnn({
    input: { positions: [resolution, resolution], size: channels },
    features: stages.flatMap((count, i) => [...Array<number>(count).fill(width * Math.min(2 ** i, 8)), 'max' as const]),
    norm: batchNorm ? 'batch-norm' : 'none',
    pool: 'flatten',
    hidden: [hidden, hidden],
    outputs,
    name: options.name ?? `vgg${depth}${batchNorm ? ' batch-norm' : ''}`,
  });
}
