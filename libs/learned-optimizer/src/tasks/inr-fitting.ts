/** @file SIRENs that fit pictures, and a family that varies them. */
import { siren } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

import { checkPositive, checkWhole, LearnedOptimizerError } from '../kinds.ts';
import {
  checkAllKnown,
  checkFilled,
  checkKnown,
  logUniformOf,
  logWholeOf,
  oneOf,
  positiveRange,
  wholeOf,
  wholeRange,
} from './draws.ts';
import { imageExamples, squaresFromHalf } from './image-examples.ts';
import type { ImageExamples } from './image-examples.ts';
import { reconstructionTask } from './reconstruction.ts';
import type { Part, Task, TaskFamily, TaskKind } from './task.ts';

const fixed = {
  /** As in libs/dataset. */
  set: 'mnist',
  /** Part of the set that pictures are drawn from: 'train', 'validation' or 'test'. */
  images: 'train',
  /** Rows and columns of an image; images are shrunk by area averaging. */
  side: 28,
  hidden: [32, 32] as readonly number[],
  /** ω of sin(ω (W x + b)). */
  omega: 30,
  /** 'siren' or 'dws-siren', of libs/architecture. */
  init: 'siren',
  /** Pixels of a step, drawn with replacement. */
  batch: 128,
};
export type InrFittingSettings = typeof fixed;

const varied = {
  sets: ['fashion-mnist', 'mnist'] as readonly string[],
  /** Part of the sets that pictures are drawn from: 'train', 'validation' or 'test'. */
  images: 'train',
  sides: [14, 28] as readonly number[],
  /** Least and greatest width of hidden layers, drawn log-uniformly, the same for all of a network. */
  widths: [16, 64] as readonly number[],
  /** Least and greatest number of hidden layers. */
  depths: [1, 3] as readonly number[],
  /** Least and greatest ω, drawn log-uniformly. */
  omegas: [10, 60] as readonly number[],
  inits: ['siren', 'dws-siren'] as readonly string[],
  batch: 128,
};
export type InrFamilySettings = typeof varied;

const recipes = ['siren', 'dws-siren'] as const;
const parts = ['train', 'validation', 'test'] as const;

/**
 * SIRENs of one shape, each task another picture: from row and column, −1 to 1, to values from 0 to 1. An eighth of the pixels is for
 * validation and an eighth for testing, the same places in all pictures.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: Sitzmann et al. 2020, arXiv:2006.09661; sizes of Navon et al. 2023, arXiv:2301.12780. Departs: pixels are drawn for
 * each step, and some are held out.
 */
export function inrFitting(settings: InrFittingSettings): TaskFamily {
  const examples = checkedInr('inr-fitting', settings);
  return {
    name: `${settings.set} ${settings.side}×${settings.side} pictures, siren ${settings.hidden.join('-')}`,
    sample: (stream) => inrTask(examples, settings, stream),
  };
}

/**
 * As `inr-fitting`; besides the picture, data set, image size, width, depth, ω and start are drawn for each task.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: none.
 */
export function inrFamily(settings: InrFamilySettings): TaskFamily {
  const kind = 'inr-family';
  const { sets, sides, images, inits, batch } = settings;
  const widths = wholeRange(kind, 'widths', settings.widths);
  const depths = wholeRange(kind, 'depths', settings.depths);
  const omegas = positiveRange(kind, 'omegas', settings.omegas);
  checkFilled(kind, 'sets', sets);
  checkFilled(kind, 'sides', sides);
  checkAllKnown(kind, 'inits', inits, recipes);
  const one = { images, hidden: [1], omega: 1, init: recipes[0], batch };
  // All that can be drawn is tried, so that a wrong name is told now.
  for (const set of sets) for (const side of sides) checkedInr(kind, { ...one, set, side });
  const sample = (stream: RandomStream): Task => {
    const hidden = Array<number>(wholeOf(stream, depths)).fill(logWholeOf(stream, widths));
    const omega = Number(logUniformOf(stream, omegas).toPrecision(3));
    const [set, side] = [oneOf(stream, sets), oneOf(stream, sides)];
    const drawn = { set, images, side, hidden, omega, init: oneOf(stream, inits), batch };
    return inrTask(checkedInr(kind, drawn), drawn, stream);
  };
  return { name: `inr-family ${sets.join('+')} ${sides.join('+')}`, sample };
}

function checkedInr(kind: string, settings: InrFittingSettings): ImageExamples {
  const { set, images, side, hidden, omega, init, batch } = settings;
  checkFilled(kind, 'hidden', hidden);
  hidden.forEach((size, i) => checkWhole(kind, `hidden[${i}]`, size));
  checkPositive(kind, 'omega', omega);
  checkWhole(kind, 'batch', batch);
  checkKnown(kind, 'init', init, recipes);
  checkKnown(kind, 'images', images, parts);
  const examples = imageExamples(kind, set, side);
  if (side < 3) throw new LearnedOptimizerError(kind, `side must be at least 3, for pixels to hold out, got ${side}`);
  return examples;
}

function inrTask(examples: ImageExamples, settings: InrFittingSettings, stream: RandomStream): Task {
  const { set, images, side, hidden, omega, init, batch } = settings;
  const { channels } = examples;
  const part = images as Part;
  const index = stream.integer(examples.sizeOf(part));
  const values = examples.image(part, index);
  const places = placesOf(side);
  const sizes = [2, ...hidden, channels];
  return reconstructionTask({
    name: `${set} ${side}×${side} ${images} picture ${index}, siren ${sizes.join('-')}, ω ${omega}, ${init}, batch ${batch}`,
    // As much as the published zoos: outputs start around the middle of the range.
    architecture: siren({ sizes, omega, outputOffset: 0.5 }),
    init,
    fromHalf: () => squaresFromHalf(values),
    batch: (draws, of, count): NdArrays => {
      const inputs = new Float32Array(count * batch * 2);
      const targets = new Float32Array(count * batch * channels);
      for (let i = 0; i < count * batch; i++) {
        const place = oneOf(draws, places[of]);
        inputs[2 * i] = coordinate(Math.floor(place / side), side);
        inputs[2 * i + 1] = coordinate(place % side, side);
        for (let c = 0; c < channels; c++) targets[i * channels + c] = values[place * channels + c]!;
      }
      return { inputs: ndarray(inputs, [count, batch, 2]), targets: ndarray(targets, [count, batch, channels]) };
    },
  });
}

/** From −1, the centre of the first pixel, to 1, that of the last. */
const coordinate = (i: number, side: number): number => (2 * i) / (side - 1) - 1;

/** Pixels of each part: an eighth each to hold out, in an order that depends on the side alone. */
function placesOf(side: number): { readonly [part in Part]: readonly number[] } {
  const order = RandomStream.fromSeed(0)
    .split('held-out pixels')
    .split(side)
    .permutation(side * side);
  const eighth = Math.floor(order.length / 8);
  return {
    validation: Array.from(order.slice(0, eighth)),
    test: Array.from(order.slice(eighth, 2 * eighth)),
    train: Array.from(order.slice(2 * eighth)),
  };
}

export const inrFittingKind: TaskKind<InrFittingSettings> = {
  kind: 'inr-fitting',
  source: 'Sitzmann et al. 2020, arXiv:2006.09661',
  settings: fixed,
  create: inrFitting,
};
export const inrFamilyKind: TaskKind<InrFamilySettings> = {
  kind: 'inr-family',
  source: 'none',
  settings: varied,
  create: inrFamily,
};
