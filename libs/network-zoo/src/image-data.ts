/** @file Image sets as what networks are trained on. */
import { ndarray } from '@weightspace/compute';
import { greyOf, imageSetReader } from '@weightspace/dataset';
import type { ImageSet } from '@weightspace/dataset';
import type { Examples, Task, TrainData } from '@weightspace/zoo';

/** Shapes: `[rows, columns, channels]`, `[rows · columns, channels]`, `[rows, columns · channels]`, `[all]`. */
export type ImageForm = 'image' | 'pixels' | 'rows' | 'vector';

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
  checkImageData({ set, train, validation, test, probe });
  const [forTraining, forTesting] = [load('train'), load('test')];
  return {
    train: examplesOf(forTraining, 0, train, form),
    ...(probe < train ? { trainProbe: examplesOf(forTraining, 0, probe, form) } : {}),
    ...(validation === 0 ? {} : { validation: examplesOf(forTraining, sizes.train - validation, sizes.train, form) }),
    test: examplesOf(forTesting, 0, test, form),
  };
}

/** @throws {RangeError} when the set doesn't have as many images */
export function checkImageData({ set, train, validation, test, probe }: ImageDataInput): void {
  const { sizes } = imageSetReader(set);
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

type Form = Pick<ImageDataInput, 'grey' | 'form'>;

function examplesOf(set: ImageSet, from: number, to: number, { grey = false, form = 'image' }: Form): Examples {
  const { shape, data } = grey ? greyOf(set) : set.images;
  const [, rows, columns, channels = 1] = shape;
  const size = rows * columns * channels;
  const values = new Float32Array((to - from) * size);
  for (let i = 0; i < values.length; i++) values[i] = data[from * size + i]! / 127.5 - 1;
  const shapes: { readonly [name in ImageForm]: readonly number[] } = {
    image: [rows, columns, channels],
    pixels: [rows * columns, channels],
    rows: [rows, columns * channels],
    vector: [size],
  };
  return {
    inputs: ndarray(values, [to - from, ...shapes[form]]),
    labels: ndarray(Int32Array.from(set.labels.subarray(from, to)), [to - from]),
  };
}
