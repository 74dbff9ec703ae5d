/** @file What is done to a picture, and what a metanet learns to do by changing weights. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';

export interface PictureEdit {
  readonly name: string;
  readonly description: string;
  /** Traceable. @param x_bhw grey values in [0, 1]; shape `[B, H, W]` @returns the same shape and range */
  readonly apply: (x_bhw: Tensor) => Tensor;
}

/** The largest value among a pixel and its eight neighbours, inside of the picture. */
const largest = (x_bhw: Tensor): Tensor =>
  tf.squeeze(tf.maxPool(tf.expandDims(x_bhw, 3) as tf.Tensor4D, 3, 1, 'same'), [3]);

/** How much contrast is raised. */
const FACTOR = 1.5;

const edits: readonly PictureEdit[] = [
  {
    name: 'dilate',
    description: 'every pixel becomes the lightest of the 3 × 3 around it, so that strokes grow by a pixel',
    apply: largest,
  },
  {
    name: 'erode',
    description: 'every pixel becomes the darkest of the 3 × 3 around it, so that strokes shrink by a pixel',
    apply: (x) => tf.neg(largest(tf.neg(x))),
  },
  {
    name: 'contrast',
    description: `distances from the picture's mean grey value times ${FACTOR}, cut to [0, 1]`,
    apply: (x) => {
      const mean = tf.mean(x, [1, 2], true);
      return tf.clipByValue(tf.add(tf.mul(tf.sub(x, mean), FACTOR), mean), 0, 1);
    },
  },
];

export const pictureEditNames = (): string[] => edits.map(({ name }) => name);

/** @throws {UsageError} when there is no such edit */
export function pictureEdit(name: string): PictureEdit {
  const found = edits.find((edit) => edit.name === name);
  if (found) return found;
  throw new UsageError(`edit must be one of ${pictureEditNames().join(', ')}, got '${name}'`);
}
