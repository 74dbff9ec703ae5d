/** @file MLPs that classify images: the task of most of the literature, and a family that varies it. */
import { activationKinds, initializations, mlp } from '@weightspace/architecture';
import type { ActivationSpec } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';

import { checkWhole } from '../kinds.ts';
import { classificationTask } from './classification.ts';
import { checkAllKnown, checkFilled, checkKnown, logWholeOf, oneOf, wholeOf, wholeRange } from './draws.ts';
import { imageExamples } from './image-examples.ts';
import type { Task, TaskFamily, TaskKind } from './task.ts';

const fixed = {
  /** As in libs/dataset. */
  set: 'fashion-mnist',
  /** Rows and columns of an image; images are shrunk by area averaging. */
  side: 8,
  hidden: [32] as readonly number[],
  activation: 'relu',
  /** Initialization of libs/architecture. */
  init: 'he-normal',
  batch: 128,
};
export type ImageMlpSettings = typeof fixed;

const varied = {
  sets: ['fashion-mnist', 'mnist'] as readonly string[],
  side: 8,
  /** Least and greatest width of hidden layers, drawn log-uniformly, the same for all of a network. */
  widths: [8, 64] as readonly number[],
  /** Least and greatest number of hidden layers. */
  depths: [1, 3] as readonly number[],
  activations: ['relu', 'tanh', 'gelu', 'silu', 'sigmoid'] as readonly string[],
  inits: ['he-normal', 'glorot-normal', 'torch-linear', 'kaiming-uniform', 'orthogonal'] as readonly string[],
  batch: 128,
};
export type MlpFamilySettings = typeof varied;

/**
 * MLPs of one shape on images with values from 0 to 1. The defaults are the published task: 8 × 8 Fashion-MNIST, 32 hidden neurons, ReLU,
 * batches of 128.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `FashionMnistRelu32_8`. Departs: area averaging; examples drawn with replacement.
 */
export function imageMlp(settings: ImageMlpSettings): TaskFamily {
  const task = imageMlpTask('image-mlp', settings);
  return { name: task.name, sample: () => task };
}

/**
 * MLPs on images whose data set, width, depth, activation and start are drawn for each task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's parametric MLP families. Departs: which choices, and their ranges.
 */
export function mlpFamily(settings: MlpFamilySettings): TaskFamily {
  const { sets, side, widths, depths, activations, inits, batch } = settings;
  const kind = 'mlp-family';
  const [widthRange, depthRange] = [wholeRange(kind, 'widths', widths), wholeRange(kind, 'depths', depths)];
  // All that can be drawn is tried, so that a wrong name is told now.
  checkFilled(kind, 'sets', sets);
  for (const set of sets) imageExamples(kind, set, side);
  checkAllKnown(kind, 'activations', activations, activationKinds());
  checkAllKnown(kind, 'inits', inits, initializations());
  const sample = (stream: RandomStream): Task => {
    const width = logWholeOf(stream, widthRange);
    const depth = wholeOf(stream, depthRange);
    return imageMlpTask(kind, {
      set: oneOf(stream, sets),
      side,
      hidden: Array<number>(depth).fill(width),
      activation: oneOf(stream, activations),
      init: oneOf(stream, inits),
      batch,
    });
  };
  return { name: `mlp-family ${sets.join('+')} ${side}×${side}`, sample };
}

function imageMlpTask(kind: string, settings: ImageMlpSettings): Task {
  const { set, side, hidden, activation, init, batch } = settings;
  hidden.forEach((size, i) => checkWhole(kind, `hidden[${i}]`, size));
  checkWhole(kind, 'batch', batch);
  checkKnown(kind, 'activation', activation, activationKinds());
  checkKnown(kind, 'init', init, initializations());
  const examples = imageExamples(kind, set, side);
  const { width, classes, draw } = examples;
  const sizes = [width, ...hidden, classes];
  const architecture = mlp({ sizes, activation: activation as ActivationSpec['kind'] });
  return classificationTask({
    name: `${set} ${side}×${side}, ${activation} mlp ${sizes.join('-')}, ${init}, batch ${batch}`,
    architecture,
    classes,
    init,
    batch: (stream, part, count) => draw(stream, part, count, batch),
  });
}

export const imageMlpKind: TaskKind<ImageMlpSettings> = {
  kind: 'image-mlp',
  source: "learned_optimization's FashionMnistRelu32_8",
  settings: fixed,
  create: imageMlp,
};
export const mlpFamilyKind: TaskKind<MlpFamilySettings> = {
  kind: 'mlp-family',
  source: "learned_optimization's parametric MLP families",
  settings: varied,
  create: mlpFamily,
};
