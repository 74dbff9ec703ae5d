/** @file What a set of labelled images is. */

/** Grey images with labels. */
export interface ImageSet {
  readonly name: string;
  readonly part: 'train' | 'test';
  /** Grey values 0 to 255; shape `[N, rows, columns]`. */
  readonly images: { readonly shape: readonly [number, number, number]; readonly data: Uint8Array };
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
  readonly load: (part: 'train' | 'test') => ImageSet;
}
