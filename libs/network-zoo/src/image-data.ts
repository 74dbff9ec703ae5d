/** @file Image sets as what networks are trained on. */
import { ndarray } from '@weightspace/compute';
import { greyOf, imageSetReader } from '@weightspace/dataset';
import type { ImageSet } from '@weightspace/dataset';
import type { Examples, Task, TrainData } from '@weightspace/zoo';

/**
 * Shapes: `[rows, columns, channels]`, `[rows · columns, channels]`, `[rows, columns · channels]`, `[all]`; a 'set' is pixels
 * with their row and column, from −1 to 1, behind the channels.
 */
export type ImageForm = 'image' | 'pixels' | 'rows' | 'vector' | 'set';

export interface ImageDataInput {
  /** The set's name in libs/dataset. */
  readonly set: string;
  /** Images for training, from the start of the set's training part. */
  readonly train: number;
  /** Images that are kept out of training, from the end of the training part; 0: none. */
  readonly validation: number;
  /** Images from the start of the test part. */
  readonly test: number;
  /** Training images on which training's own loss and accuracy are measured, from the start. */
  readonly probe: number;
  /** Colour images become grey ones: the mean of their channels. */
  readonly grey?: boolean;
  /** Squares of this many pixels along each axis become one, their mean; 1 when absent. */
  readonly shrink?: number;
  /** What a network reads: the image unless said otherwise, or what it is taken for. */
  readonly form?: ImageForm;
}

/** How a worker finds `imageData`. */
export const imageDataTask = (input: ImageDataInput): Task => ({ module: import.meta.url, name: 'imageData', input });

/**
 * Images with values from −1 to 1 (as Unterthiner et al. 2020 have them), channels last.
 *
 * @throws {RangeError} when the set doesn't have as many images
 */
export function imageData({ set, train, validation, test, probe, ...form }: ImageDataInput): TrainData {
  const { load, sizes } = imageSetReader(set);
  checkImageData({ set, train, validation, test, probe, ...form });
  const [forTraining, forTesting] = [load('train'), load('test')];
  return {
    train: examplesOf(forTraining, 0, train, form),
    ...(probe < train ? { trainProbe: examplesOf(forTraining, 0, probe, form) } : {}),
    ...(validation === 0 ? {} : { validation: examplesOf(forTraining, sizes.train - validation, sizes.train, form) }),
    test: examplesOf(forTesting, 0, test, form),
  };
}

/** @throws {RangeError} when the set doesn't have as many images, or they can't be shrunk so */
export function checkImageData({ set, train, validation, test, probe, shrink = 1 }: ImageDataInput): void {
  const { sizes, shape } = imageSetReader(set);
  if (shrink < 1 || shape[0] % shrink !== 0 || shape[1] % shrink !== 0) {
    throw new RangeError(
      `imageData: shrink must be a divisor of ${shape[0]} and ${shape[1]}, the rows and columns of ${set}, got ${shrink}`,
    );
  }
  if (train + validation > sizes.train || test > sizes.test) {
    throw new RangeError(
      `imageData: ${set} has ${sizes.train.toLocaleString('en')} images for training and validation and ${sizes.test.toLocaleString('en')} for testing, asked for ${train} + ${validation} and ${test}`,
    );
  }
  if (train < 1 || test < 1 || probe < 1 || probe > train) {
    throw new RangeError(
      `imageData: images for training, testing and probing must be 1 or more, and no more for probing than for training, got ${train}, ${test} and ${probe}`,
    );
  }
}

type Form = Pick<ImageDataInput, 'grey' | 'form' | 'shrink'>;

function examplesOf(
  set: ImageSet,
  from: number,
  to: number,
  { grey = false, form = 'image', shrink = 1 }: Form,
): Examples {
  const all = grey ? greyOf(set) : set.images;
  const [, height, width, channels = 1] = all.shape;
  const size = height * width * channels;
  const images = all.data.subarray(from * size, to * size);
  const [rows, columns] = [height / shrink, width / shrink];
  const values = scaled(shrink === 1 ? images : shrunk(images, [to - from, height, width, channels], shrink));
  const shapes: { readonly [name in ImageForm]: readonly number[] } = {
    image: [rows, columns, channels],
    pixels: [rows * columns, channels],
    rows: [rows, columns * channels],
    vector: [rows * columns * channels],
    set: [rows * columns, channels + 2],
  };
  return {
    inputs: ndarray(form === 'set' ? withPlaces(values, rows, columns, channels) : values, [
      to - from,
      ...shapes[form],
    ]),
    labels: ndarray(Int32Array.from(set.labels.subarray(from, to)), [to - from]),
  };
}

/** From 0 … 255 to −1 … 1. */
const scaled = (values: ArrayLike<number>): Float32Array => Float32Array.from(values, (value) => value / 127.5 - 1);

/** Means of squares of n × n pixels; shape `[images, rows, columns, channels]` before. */
function shrunk(
  images: ArrayLike<number>,
  [count, rows, columns, channels]: readonly [number, number, number, number],
  n: number,
): Float32Array {
  const means = new Float32Array((count * rows * columns * channels) / (n * n));
  for (let i = 0; i < count * rows; i++) {
    const row = Math.floor(i / n) * (columns / n);
    for (let j = 0; j < columns; j++) {
      for (let c = 0; c < channels; c++) {
        means[(row + Math.floor(j / n)) * channels + c]! += images[(i * columns + j) * channels + c]! / (n * n);
      }
    }
  }
  return means;
}

/** Row and column from −1 to 1 behind the channels of each pixel. */
function withPlaces(values: Float32Array, rows: number, columns: number, channels: number): Float32Array {
  const pixels = values.length / channels;
  const all = new Float32Array(pixels * (channels + 2));
  const place = (i: number, size: number) => (size === 1 ? 0 : (2 * i) / (size - 1) - 1);
  for (let p = 0; p < pixels; p++) {
    const own = all.subarray(p * (channels + 2), (p + 1) * (channels + 2));
    own.set(values.subarray(p * channels, (p + 1) * channels));
    own[channels] = place(Math.floor(p / columns) % rows, rows);
    own[channels + 1] = place(p % columns, columns);
  }
  return all;
}
