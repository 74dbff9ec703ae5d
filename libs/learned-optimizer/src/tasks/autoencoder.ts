/** @file MLPs that pass images through a narrow layer, and a family that varies them. */
import { activationKinds, initializations, mlp } from '@weightspace/architecture';
import type { ActivationSpec } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';

import { checkWhole } from '../kinds.ts';
import { checkAllKnown, checkFilled, checkKnown, logWholeOf, oneOf, wholeOf, wholeRange } from './draws.ts';
import { imageExamples } from './image-examples.ts';
import { reconstructionTask } from './reconstruction.ts';
import type { Task, TaskFamily, TaskKind } from './task.ts';

const fixed = {
  /** As in libs/dataset. */
  set: 'fashion-mnist',
  /** Rows and columns of an image; images are shrunk by area averaging. */
  side: 28,
  /** Neurons of the layers between. */
  hidden: [128, 32, 128] as readonly number[],
  activation: 'relu',
  /** Initialization of libs/architecture. */
  init: 'he-normal',
  batch: 128,
};
export type AutoencoderSettings = typeof fixed;

const varied = {
  sets: ['fashion-mnist', 'mnist'] as readonly string[],
  sides: [8, 14] as readonly number[],
  /** Least and greatest width of the outer hidden layers, drawn log-uniformly. */
  widths: [16, 64] as readonly number[],
  /** Least and greatest width of the middle layer, drawn log-uniformly. */
  codes: [2, 16] as readonly number[],
  /** Least and greatest number of layers on each side of the middle one. */
  depths: [1, 2] as readonly number[],
  activations: ['relu', 'tanh', 'gelu', 'silu'] as readonly string[],
  inits: ['he-normal', 'glorot-normal', 'torch-linear', 'kaiming-uniform', 'orthogonal'] as readonly string[],
  batch: 128,
};
export type AutoencoderFamilySettings = typeof varied;

/**
 * Autoencoders of one shape on images with values from 0 to 1; the last layer ends in a sigmoid. The defaults are the published task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `ImageMLPAE_FashionMnist_128x32x128_bs128`. Departs: the normalizer; examples drawn with replacement.
 */
export function autoencoders(settings: AutoencoderSettings): TaskFamily {
  const task = autoencoderTask('autoencoder', settings);
  return { name: task.name, sample: () => task };
}

/**
 * Autoencoders whose data set, image size, widths, depth, activation and start are drawn for each task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's parametric autoencoder families. Departs: which choices, and their ranges.
 */
export function autoencoderFamily(settings: AutoencoderFamilySettings): TaskFamily {
  const kind = 'autoencoder-family';
  const { sets, sides, activations, inits, batch } = settings;
  const widths = wholeRange(kind, 'widths', settings.widths);
  const codes = wholeRange(kind, 'codes', settings.codes);
  const depths = wholeRange(kind, 'depths', settings.depths);
  // All that can be drawn is tried, so that a wrong name is told now.
  checkFilled(kind, 'sets', sets);
  checkFilled(kind, 'sides', sides);
  for (const set of sets) for (const side of sides) imageExamples(kind, set, side);
  checkAllKnown(kind, 'activations', activations, activationKinds());
  checkAllKnown(kind, 'inits', inits, initializations());
  const sample = (stream: RandomStream): Task => {
    const outer = Array<number>(wholeOf(stream, depths)).fill(logWholeOf(stream, widths));
    return autoencoderTask(kind, {
      set: oneOf(stream, sets),
      side: oneOf(stream, sides),
      hidden: [...outer, logWholeOf(stream, codes), ...outer],
      activation: oneOf(stream, activations),
      init: oneOf(stream, inits),
      batch,
    });
  };
  return { name: `autoencoder-family ${sets.join('+')} ${sides.join('+')}`, sample };
}

function autoencoderTask(kind: string, settings: AutoencoderSettings): Task {
  const { set, side, hidden, activation, init, batch } = settings;
  checkFilled(kind, 'hidden', hidden);
  hidden.forEach((size, i) => checkWhole(kind, `hidden[${i}]`, size));
  checkWhole(kind, 'batch', batch);
  checkKnown(kind, 'activation', activation, activationKinds());
  checkKnown(kind, 'init', init, initializations());
  const { width, draw, fromHalf } = imageExamples(kind, set, side);
  const sizes = [width, ...hidden, width];
  return reconstructionTask({
    name: `${set} ${side}×${side}, ${activation} autoencoder ${sizes.join('-')}, ${init}, batch ${batch}`,
    architecture: mlp({
      sizes,
      activation: activation as ActivationSpec['kind'],
      outputActivation: 'sigmoid',
    }),
    init,
    fromHalf,
    batch: (stream, part, count) => {
      const { inputs } = draw(stream, part, count, batch);
      return { inputs: inputs!, targets: inputs! };
    },
  });
}

export const autoencoderKind: TaskKind<AutoencoderSettings> = {
  kind: 'autoencoder',
  source: "learned_optimization's ImageMLPAE_FashionMnist_128x32x128_bs128",
  settings: fixed,
  create: autoencoders,
};
export const autoencoderFamilyKind: TaskKind<AutoencoderFamilySettings> = {
  kind: 'autoencoder-family',
  source: "learned_optimization's parametric autoencoder families",
  settings: varied,
  create: autoencoderFamily,
};
