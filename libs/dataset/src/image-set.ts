/** @file What a set of labelled images is. */

/** `[N, rows, columns]` of grey images, `[N, rows, columns, channels]` of colour images. */
export type ImagesShape = readonly [number, number, number] | readonly [number, number, number, number];

/** Images with labels. */
export interface ImageSet {
  readonly name: string;
  readonly part: 'train' | 'test';
  /** Values 0 to 255; colour images have red, green and blue last. */
  readonly images: { readonly shape: ImagesShape; readonly data: Uint8Array };
  /** Class of each image; shape `[N]`. */
  readonly labels: Uint8Array;
  readonly classes: readonly string[];
  /** Where it comes from, for records. */
  readonly source: string;
}

/** What is known of a set before it is read, and how to read it. */
export interface ImageSetReader {
  readonly name: string;
  readonly classes: readonly string[];
  /** Images of each part. */
  readonly sizes: { readonly train: number; readonly test: number };
  /** Of one image: `[rows, columns]`, or `[rows, columns, channels]`. */
  readonly shape: readonly [number, number] | readonly [number, number, number];
  readonly load: (part: 'train' | 'test') => ImageSet;
}

/**
 * Grey values of colour images: the mean of the channels; grey images as they are.
 *
 * @returns values 0 to 255; shape `[N, rows, columns]`
 * Source: Unterthiner et al. 2020, arXiv:2002.11448, whose CIFAR-10-GS and SVHN-GS are made so. Departs: nothing.
 */
export function greyOf({ images }: Pick<ImageSet, 'images'>): {
  readonly shape: readonly [number, number, number];
  readonly data: Float32Array;
} {
  const [count, rows, columns, channels = 1] = images.shape;
  const data = new Float32Array(count * rows * columns);
  for (let i = 0; i < data.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += images.data[i * channels + c]!;
    data[i] = sum / channels;
  }
  return { shape: [count, rows, columns], data };
}
