/** @file Regression of grey values: losses, normalization and signal-to-noise ratio that autoencoders and pictures as functions share. */
import { forwardStacked, initialize } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { meanOfEach } from './classification.ts';
import { clipped } from './task.ts';
import type { Task } from './task.ts';

export interface ReconstructionOptions {
  readonly name: string;
  readonly architecture: Architecture;
  /** Name of an initialization of libs/architecture. */
  readonly init: string;
  /** Mean squared distance of the values from ½: about the loss of a network at its start. */
  readonly fromHalf: () => number;
  /** Gives `inputs` `[N, B, …]` and `targets` `[N, B, …]`, values from 0 to 1. */
  readonly batch: Task['batch'];
}

/**
 * Mean squared error of values from 0 to 1.
 *
 * Normalized losses are log 10 · loss / (the loss of answering ½), so that this costs what a blind guess at ten classes does, and are
 * cut at 1.5 · log 10, also for NaN. `psnr` is −10 log₁₀ of the error, in decibels; it is cut at 100.
 * Source: learned_optimization's `ImageMLPAE` tasks. Departs: theirs are cut at 1 and not scaled.
 */
export function reconstructionTask({ name, architecture, init, fromHalf, batch }: ReconstructionOptions): Task {
  const loss = (params: Tensors, { inputs, targets }: Tensors): Tensor =>
    meanOfEach(tf.square(tf.sub(forwardStacked(architecture, params, inputs!), targets!)));
  return {
    name,
    architecture,
    initialize: (stream, count) => initialize(architecture, stream, { count, init }),
    batch,
    loss,
    normalize: (error) => {
      // Of a picture that is ½ everywhere the distance is 0.
      const unit = Math.log(10) / Math.max(fromHalf(), 1e-4);
      return clipped(tf.mul(error, unit), 1.5 * Math.log(10));
    },
    metrics: (params, data) => {
      const error = tf.maximum(loss(params, data), 1e-10);
      return { psnr: tf.mul(tf.log(error), -10 / Math.LN10) };
    },
  };
}
