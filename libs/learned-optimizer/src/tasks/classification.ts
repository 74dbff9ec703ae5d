/** @file Classification: losses, normalization and accuracy that all its tasks share. */
import { forwardStacked, initialize } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { clipped } from './task.ts';
import type { Task } from './task.ts';

export interface ClassificationOptions {
  readonly name: string;
  /** Writes logits, one for each class. */
  readonly architecture: Architecture;
  readonly classes: number;
  /** Name of an initialization of libs/architecture. */
  readonly init: string;
  /** Gives `inputs` `[N, B, …]` and `labels`, `[N, B]`, or `[N, B, …positions]` where each position has a class. */
  readonly batch: Task['batch'];
}

/**
 * Cross entropy of labelled examples: the mean over examples and positions.
 *
 * Normalized losses are cut at 1.5 · log(classes): one and a half times the loss of not knowing anything, also for NaN.
 * Source: learned_optimization's image tasks. Departs: nothing.
 */
export function classificationTask({ name, architecture, classes, init, batch }: ClassificationOptions): Task {
  return {
    name,
    architecture,
    initialize: (stream, count) => initialize(architecture, stream, { count, init }),
    batch,
    loss: (params, { inputs, labels }): Tensor => {
      const logits = forwardStacked(architecture, params, inputs!);
      const right = tf.cast(tf.oneHot(labels!, classes), 'float32');
      return tf.neg(meanOfEach(tf.sum(tf.mul(tf.logSoftmax(logits), right), -1)));
    },
    normalize: (loss) => clipped(loss, 1.5 * Math.log(classes)),
    metrics: (params, { inputs, labels }) => {
      const hits = tf.equal(tf.argMax(forwardStacked(architecture, params, inputs!), -1), labels!);
      return { accuracy: meanOfEach(tf.cast(hits, 'float32')) };
    },
  };
}

/** @param x shape `[N, …]` @returns shape `[N]` */
export const meanOfEach = (x: Tensor): Tensor => tf.mean(tf.reshape(x, [x.shape[0]!, -1]), 1);
