/** @file What a step of a training sees. */
import type { Tensor, Tensors } from '@weightspace/compute';
import { mixLabels } from '@weightspace/augmentation';
import type { Augmentation, Mixup, MixupBatch } from '@weightspace/augmentation';
import type { StepInput } from '@weightspace/experiment';
import type { Metanet } from '@weightspace/metanet';

import type { TrainBatch } from './classifier.ts';
import { labelsOf, weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

/** Batches of a training: what is mixed with what is prepared while the step before runs. */
export class Batches {
  readonly #model: Metanet;
  readonly #augmentation: Augmentation;
  readonly #mixup: Mixup | undefined;
  readonly #data: ZooData;
  readonly #ahead = new WeakMap<Int32Array, Promise<MixupBatch>>();

  constructor(model: Metanet, augmentation: Augmentation, mixup: Mixup | undefined, data: ZooData) {
    [this.#model, this.#augmentation, this.#mixup, this.#data] = [model, augmentation, mixup, data];
  }

  /** Begins with the next batch; does nothing where nothing is mixed. */
  prepare(next: StepInput | undefined): void {
    if (!this.#mixup || !next) return;
    const promise = this.#mixed(this.#mixup, next);
    // It is awaited, and fails, in the step that wants it; that may not come.
    promise.catch(() => undefined);
    this.#ahead.set(next.rows, promise);
  }

  /** @param stream of this batch alone */
  async of({ rows, stream }: StepInput): Promise<TrainBatch> {
    const mixed = this.#mixup && (await (this.#ahead.get(rows) ?? this.#mixed(this.#mixup, { rows, stream })));
    return {
      weights: mixed?.weights ?? weightsOf(this.#data, rows),
      labels: labelsOf(this.#data, rows),
      mixing: mixed?.draws ?? {},
      draws: this.#augmentation.draw(this.#model.architecture, rows.length, stream.split('augmentation')),
      noise: this.#model.noise(rows.length, stream.split('noise')),
    };
  }

  #mixed(mixup: Mixup, { rows, stream }: StepInput): Promise<MixupBatch> {
    return mixup.prepare(this.#model.architecture, weightsOf(this.#data, rows), stream.split('mixup'));
  }
}

/** Mixing, then augmentation, inside the compiled step. */
export function changedWeights(
  { architecture }: Metanet,
  augmentation: Augmentation,
  mixup: Mixup | undefined,
  batch: { readonly weights: Tensors; readonly mixing: Tensors; readonly draws: Tensors },
): Tensors {
  const mixed = mixup ? mixup.apply(architecture, batch.weights, batch.mixing) : batch.weights;
  return augmentation.apply(architecture, mixed, batch.draws);
}

export const changedTargets = (targets_bk: Tensor, mixup: Mixup | undefined, mixing: Tensors): Tensor =>
  mixup ? mixLabels(targets_bk, mixing) : targets_bk;
