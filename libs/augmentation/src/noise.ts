/** @file Noise on weights. */
import type { ParameterSpec } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Augmentation } from './augmentation.ts';

/**
 * Adds N(0, (share · rms)²) to every entry, with the root mean square of its parameter over the batch's own network.
 * Running means and variances stay, since a variance must not fall below 0.
 *
 * Departs: the public code of DWSNets adds a constant in place of noise.
 */
export const noise = (share = 0.05): Augmentation => ({
  name: 'noise',
  kind: 'approximate',
  draw: ({ parameters }, batch, stream) =>
    Object.fromEntries(
      noisy(parameters).map(({ name, shape }) => [name, stream.split(name).normal([batch, ...shape])]),
    ),
  apply: ({ parameters }, weights, draws) => ({
    ...weights,
    ...Object.fromEntries(
      noisy(parameters).map(({ name, shape }) => {
        const w = weights[name]!;
        const rms = tf.sqrt(
          tf.mean(
            tf.square(w),
            shape.map((_, axis) => axis + 1),
            true,
          ),
        );
        return [name, tf.add(w, tf.mul(tf.mul(draws[name]!, rms), share)) as Tensor];
      }),
    ),
  }),
});

const noisy = (parameters: readonly ParameterSpec[]) => parameters.filter(({ kind }) => kind !== 'statistic');
