/** @file Statistics of batches that a model normalizes by in evaluation. */
import type { Augmentation } from '@weightspace/augmentation';
import { compile, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import type { Metanet } from '@weightspace/metanet';

import type { Batches } from './batches.ts';

/** Averages over more batches change the statistics less than training does in a few steps. */
const MOST_BATCHES = 20;

export interface Calibrator {
  /** @returns `fixed` with the statistics that belong to these parameters */
  readonly calibrate: (params: NdArrays, fixed: NdArrays) => Promise<NdArrays>;
  readonly release: () => Promise<void>;
}

/**
 * Means of what `model.calibrate` gives, over the same up to 20 training batches each time: augmented and with dropout, as
 * training normalizes. Models without such statistics keep `fixed` as it is.
 *
 * Source: Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv:2105.07576, section 3.
 */
export function calibratorOf(model: Metanet, augmentation: Augmentation, batches: Batches): Calibrator {
  const { calibrate } = model;
  if (calibrate === undefined)
    return { calibrate: (_, fixed) => Promise.resolve(fixed), release: () => Promise.resolve() };
  const statistics = compile(
    ((params: Tensors, fixed: Tensors, weights: Tensors, draws: Tensors, noise: Tensors) =>
      calibrate(params, fixed, augmentation.apply(model.architecture, weights, draws), noise)) as never,
    { name: `${model.kind} statistics` },
  ) as unknown as ((...args: readonly NdArrays[]) => Promise<NdArrays>) & { release: () => Promise<void> };
  const count = Math.min(MOST_BATCHES, batches.perEpoch);
  return {
    calibrate: async (params, fixed) => {
      const sums = new Map<string, { readonly shape: readonly number[]; readonly sum: Float64Array }>();
      for (let i = 0; i < count; i++) {
        const { weights, draws, noise } = batches.at(i);
        add(sums, await statistics(params, fixed, weights, draws, noise));
      }
      const means = [...sums].map(([name, { shape, sum }]): [string, NdArray] => [
        name,
        ndarray(
          Float32Array.from(sum, (x) => x / count),
          shape,
        ),
      ]);
      return { ...fixed, ...Object.fromEntries(means) };
    },
    release: statistics.release,
  };
}

function add(
  sums: Map<string, { readonly shape: readonly number[]; readonly sum: Float64Array }>,
  values: NdArrays,
): void {
  for (const [name, { shape, data }] of Object.entries(values)) {
    const entry = sums.get(name) ?? { shape, sum: new Float64Array(data.length) };
    sums.set(name, entry);
    data.forEach((x, i) => (entry.sum[i]! += x));
  }
}
