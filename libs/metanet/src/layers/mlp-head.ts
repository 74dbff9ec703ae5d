/** @file The multi-layer perceptron that ends every classifier. */
import { tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { dense, denseParameters } from './dense.ts';

export interface HeadSettings {
  /** Widths of the hidden layers. */
  readonly head: readonly number[];
  /** Share of a hidden layer's values that training drops. */
  readonly dropout: number;
}

export function headParameters(
  inputs: number,
  outputs: number,
  { head }: HeadSettings,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const sizes = [inputs, ...head, outputs];
  return Object.assign(
    {},
    ...sizes.slice(1).map((size, i) => denseParameters(`head.${i}`, sizes[i]!, size, stream)),
  ) as Record<string, NdArray<'float32'>>;
}

/** Dropout masks of the hidden layers, already divided by the share that is kept. */
export function headNoise(batch: number, { head, dropout }: HeadSettings, stream: RandomStream): NdArrays {
  if (dropout === 0) return {};
  return Object.fromEntries(
    head.map((size, i) => {
      const mask = stream.split(i).bernoulli([batch, size], 1 - dropout);
      for (let j = 0; j < mask.data.length; j++) mask.data[j]! /= 1 - dropout;
      return [`head.${i}`, mask];
    }),
  );
}

/** Linear, ReLU and dropout per hidden layer, then linear. @param x_bc shape `[B, C]` */
export function applyHead(params: Tensors, x_bc: Tensor, { head }: HeadSettings, noise?: Tensors): Tensor {
  const hidden = head.reduce((x, _, i) => {
    const y = tf.relu(dense(params, `head.${i}`, x)) as Tensor;
    const mask = noise?.[`head.${i}`];
    return mask ? (tf.mul(y, mask) as Tensor) : y;
  }, x_bc);
  return dense(params, `head.${head.length}`, hidden);
}
