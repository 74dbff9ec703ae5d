/** @file Convolutional networks that classify images, and a family that varies them. */
import { activationKinds, cnn, initializations } from '@weightspace/architecture';
import type { ActivationSpec } from '@weightspace/architecture';
import type { NdArray, RandomStream } from '@weightspace/compute';

import { checkWhole, LearnedOptimizerError } from '../kinds.ts';
import { classificationTask } from './classification.ts';
import { checkAllKnown, checkFilled, checkKnown, logWholeOf, oneOf, wholeOf, wholeRange } from './draws.ts';
import { imageExamples } from './image-examples.ts';
import type { Task, TaskFamily, TaskKind } from './task.ts';

const fixed = {
  /** As in libs/dataset. */
  set: 'fashion-mnist',
  /** Rows and columns of an image; images are shrunk by area averaging. */
  side: 14,
  /** Channels of each convolution; the first has stride 2. */
  channels: [16, 32, 32] as readonly number[],
  kernel: 3,
  activation: 'relu',
  /** 'none', 'layer-norm' or 'instance-norm', before each activation. */
  norm: 'none',
  /** How pixels become a vector: 'mean', 'max' or 'flatten'. */
  pool: 'mean',
  /** Initialization of libs/architecture. */
  init: 'he-normal',
  batch: 64,
};
export type ImageCnnSettings = typeof fixed;

const varied = {
  sets: ['fashion-mnist', 'mnist'] as readonly string[],
  sides: [8, 14] as readonly number[],
  /** Least and greatest number of channels of the first convolution, drawn log-uniformly; the others have twice as many. */
  widths: [4, 16] as readonly number[],
  /** Least and greatest number of convolutions. */
  depths: [1, 3] as readonly number[],
  activations: ['relu', 'tanh', 'gelu', 'silu'] as readonly string[],
  norms: ['none', 'layer-norm'] as readonly string[],
  pools: ['mean', 'max', 'flatten'] as readonly string[],
  inits: ['he-normal', 'glorot-normal', 'torch-linear', 'kaiming-uniform', 'orthogonal'] as readonly string[],
  batch: 64,
};
export type CnnFamilySettings = typeof varied;

const norms = ['none', 'layer-norm', 'instance-norm'] as const;
const pools = ['mean', 'max', 'flatten'] as const;

/**
 * CNNs of one shape on images with values from 0 to 1: convolutions, the first with stride 2, a pool over all pixels, a linear layer.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `Conv_Cifar10_16_32x64x64`: channels 32-64-64, batches of 128, CIFAR-10 at 16 × 16.
 * Departs: sizes and data that two cores can bear, unless set so; padding of half the kernel on both sides; no batch norm,
 * whose statistics aren't parameters of a loss.
 */
export function imageCnn(settings: ImageCnnSettings): TaskFamily {
  const task = imageCnnTask('image-cnn', settings);
  return { name: task.name, sample: () => task };
}

/**
 * CNNs on images whose data set, size, width, depth, activation, norm, pool and start are drawn for each task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's parametric conv families. Departs: which choices, and their ranges.
 */
export function cnnFamily(settings: CnnFamilySettings): TaskFamily {
  const kind = 'cnn-family';
  const { sets, sides, activations, inits, batch } = settings;
  const [widths, depths] = [wholeRange(kind, 'widths', settings.widths), wholeRange(kind, 'depths', settings.depths)];
  // All that can be drawn is tried, so that a wrong name is told now.
  checkFilled(kind, 'sets', sets);
  checkFilled(kind, 'sides', sides);
  for (const set of sets) for (const side of sides) imageExamples(kind, set, side);
  checkAllKnown(kind, 'activations', activations, activationKinds());
  checkAllKnown(kind, 'norms', settings.norms, norms);
  checkAllKnown(kind, 'pools', settings.pools, pools);
  checkAllKnown(kind, 'inits', inits, initializations());
  const sample = (stream: RandomStream): Task => {
    const width = logWholeOf(stream, widths);
    const depth = wholeOf(stream, depths);
    return imageCnnTask(kind, {
      set: oneOf(stream, sets),
      side: oneOf(stream, sides),
      channels: Array.from({ length: depth }, (_, i) => (i === 0 ? width : 2 * width)),
      kernel: 3,
      activation: oneOf(stream, activations),
      norm: oneOf(stream, settings.norms),
      pool: oneOf(stream, settings.pools),
      init: oneOf(stream, inits),
      batch,
    });
  };
  return { name: `cnn-family ${sets.join('+')} ${sides.join('+')}`, sample };
}

function imageCnnTask(kind: string, settings: ImageCnnSettings): Task {
  const { set, side, channels, kernel, activation, norm, pool, init, batch } = settings;
  checkFilled(kind, 'channels', channels);
  channels.forEach((size, i) => checkWhole(kind, `channels[${i}]`, size));
  checkWhole(kind, 'batch', batch);
  if (!(Number.isSafeInteger(kernel) && kernel >= 1 && kernel % 2 === 1)) {
    throw new LearnedOptimizerError(kind, `kernel must be an odd whole number ≥ 1, got ${kernel}`);
  }
  checkKnown(kind, 'activation', activation, activationKinds());
  checkKnown(kind, 'norm', norm, norms);
  checkKnown(kind, 'pool', pool, pools);
  checkKnown(kind, 'init', init, initializations());
  const examples = imageExamples(kind, set, side);
  const { classes, draw } = examples;
  const architecture = cnn({
    input: { positions: [side, side], size: examples.channels },
    features: channels,
    kernel,
    stride: channels.map((_, i) => (i === 0 ? 2 : 1)),
    activation: activation as ActivationSpec['kind'],
    norm: norm as (typeof norms)[number],
    pool: pool as (typeof pools)[number],
    outputs: classes,
  });
  const normed = norm === 'none' ? '' : `, ${norm}`;
  return classificationTask({
    name: `${set} ${side}×${side}, ${activation} cnn ${channels.join('-')}${normed}, ${pool}, ${init}, batch ${batch}`,
    architecture,
    classes,
    init,
    batch: (stream, part, count) => {
      const { inputs, labels } = draw(stream, part, count, batch);
      return {
        inputs: { ...inputs, shape: [count, batch, side, side, examples.channels] } as NdArray,
        labels: labels!,
      };
    },
  });
}

export const imageCnnKind: TaskKind<ImageCnnSettings> = {
  kind: 'image-cnn',
  source: "learned_optimization's Conv_Cifar10_16_32x64x64",
  settings: fixed,
  create: imageCnn,
};
export const cnnFamilyKind: TaskKind<CnnFamilySettings> = {
  kind: 'cnn-family',
  source: "learned_optimization's parametric conv families",
  settings: varied,
  create: cnnFamily,
};
