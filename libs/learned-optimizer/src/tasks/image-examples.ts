/** @file Images of libs/dataset as batches for many networks at once. */
import { ndarray } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { areaAverage, imageSetReader } from '@weightspace/dataset';

import { LearnedOptimizerError } from '../kinds.ts';
import type { Part } from './task.ts';

/** Vectors with values from 0 to 1 and their classes. */
export interface ImageExamples {
  /** Numbers of one image. */
  readonly width: number;
  readonly classes: number;
  /** `inputs` `[count, batch, width]` and `labels` `[count, batch]`, drawn with replacement. */
  readonly draw: (stream: RandomStream, part: Part, count: number, batch: number) => NdArrays;
  /** Channels of a pixel. */
  readonly channels: number;
  /** Images in a part. */
  readonly sizeOf: (part: Part) => number;
  /** One image of a part, rows first, channels last. */
  readonly image: (part: Part, index: number) => Float32Array;
  /** Mean squared distance from ½ of all values of the training part, which it reads. */
  readonly fromHalf: () => number;
}

interface Pixels {
  readonly values: Float32Array | Uint8Array;
  readonly labels: Uint8Array;
}

const loaded = new Map<string, Pixels>();
const distances = new Map<string, number>();

/** Read at the first draw, then kept for all tasks. */
function pixelsOf(set: string, part: 'train' | 'test', side: number): Pixels {
  const key = `${set} ${part} ${side}`;
  const known = loaded.get(key);
  if (known) return known;
  const images = imageSetReader(set).load(part);
  const values = images.images.shape[1] === side ? images.images.data : areaAverage(images, side, side).data;
  const pixels = { values, labels: images.labels };
  loaded.set(key, pixels);
  return pixels;
}

/**
 * Images shrunk to `side` × `side` by area averaging. Training draws from all of the set's training part but its last sixth,
 * which is for validation.
 *
 * @throws {LearnedOptimizerError} on an unknown set, or a side that isn't from 1 to the set's own
 */
export function imageExamples(kind: string, set: string, side: number): ImageExamples {
  const { shape, sizes, classes } = readerOf(kind, set);
  if (!(Number.isSafeInteger(side) && side >= 1 && side <= shape[0])) {
    throw new LearnedOptimizerError(kind, `side must be a whole number from 1 to ${shape[0]} (${set}), got ${side}`);
  }
  const channels = shape[2] ?? 1;
  const width = side * side * channels;
  const validation = Math.floor(sizes.train / 6);
  const ranges: { readonly [part in Part]: readonly [number, number] } = {
    train: [0, sizes.train - validation],
    validation: [sizes.train - validation, sizes.train],
    test: [0, sizes.test],
  };
  const of = (part: Part) => pixelsOf(set, part === 'test' ? 'test' : 'train', side);
  const draw: ImageExamples['draw'] = (stream, part, count, batch) => {
    const { values, labels } = of(part);
    const [from, to] = ranges[part];
    const inputs = new Float32Array(count * batch * width);
    const classOf = new Int32Array(count * batch);
    for (let i = 0; i < classOf.length; i++) {
      const image = from + stream.integer(to - from);
      classOf[i] = labels[image]!;
      const [read, write] = [image * width, i * width];
      for (let k = 0; k < width; k++) inputs[write + k] = values[read + k]! / 255;
    }
    return { inputs: ndarray(inputs, [count, batch, width]), labels: ndarray(classOf, [count, batch]) };
  };
  return {
    width,
    classes: classes.length,
    draw,
    channels,
    sizeOf: (part) => ranges[part][1] - ranges[part][0],
    image: (part, index) => {
      const at = (ranges[part][0] + index) * width;
      return Float32Array.from(of(part).values.subarray(at, at + width), (value) => value / 255);
    },
    fromHalf: () => {
      const key = `${set} ${side}`;
      const [from, to] = ranges.train;
      const found = distances.get(key) ?? squaresFromHalf(of('train').values.subarray(from * width, to * width), 255);
      distances.set(key, found);
      return found;
    },
  };
}

/** Mean squared distance from ½ of values / `white`. */
export function squaresFromHalf(values: Float32Array | Uint8Array, white = 1): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! / white - 0.5) ** 2;
  return sum / values.length;
}

function readerOf(kind: string, set: string) {
  try {
    return imageSetReader(set);
  } catch (cause) {
    throw new LearnedOptimizerError(kind, `set: ${(cause as Error).message}`);
  }
}
