/** @file Tasks whose gradients come late, as those of workers that don't wait for each other. */
import type { RandomStream } from '@weightspace/compute';

import type { AugmentationKind } from './augmentation.ts';
import { wholeOf, wholeRange } from './draws.ts';
import type { Task } from './task.ts';

const settings = {
  /** Least and greatest number of steps by which gradients are late, each as likely. */
  delays: [1, 4] as readonly number[],
};
export type DelayedGradientsSettings = typeof settings;

/**
 * The task with gradients, and losses beside them, that reach an optimizer some steps after they were taken: step t moves by
 * the gradient at the parameters and the batch of step max(0, t − delay). Delays add up.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 * Source: learned_optimization's `AsyncDelayedGradients`. Departs: theirs takes the old parameters' gradient on the new batch,
 * and reports the old parameters' loss; the delay is drawn.
 */
export function delayedGradients({ delays }: DelayedGradientsSettings): (task: Task, stream: RandomStream) => Task {
  const range = wholeRange('delayed-gradients', 'delays', delays);
  return (task, stream) => {
    const gradientDelay = (task.gradientDelay ?? 0) + wholeOf(stream, range);
    return { ...task, name: `${task.name}, gradients late by ${gradientDelay}`, gradientDelay };
  };
}

export const delayedGradientsKind: AugmentationKind<DelayedGradientsSettings> = {
  kind: 'delayed-gradients',
  source: "learned_optimization's AsyncDelayedGradients",
  settings,
  create: delayedGradients,
};
