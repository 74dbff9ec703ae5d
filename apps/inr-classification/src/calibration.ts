/** @file Statistics of batches that a model normalizes by in evaluation. */
import type { Augmentation, Mixup } from '@weightspace/augmentation';
import { compile, ndarray } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensors } from '@weightspace/compute';
import type { Metanet } from '@weightspace/metanet';

import { Batches, changedWeights } from './batches.ts';
import type { TrainBatch } from './classifier.ts';
import type { ZooData } from './zoo-data.ts';

/** Averages over more batches change the statistics less than training does in a few steps. */
const MOST_BATCHES = 20;

export interface Calibrator {
  /** @returns `fixed` with the statistics that belong to these parameters */
  readonly calibrate: (params: NdArrays, fixed: NdArrays) => Promise<NdArrays>;
  readonly release: () => Promise<void>;
}

/**
 * Means of what `model.calibrate` gives, over the same up to 20 training batches each time: mixed, augmented and with dropout, as
 * training normalizes. Models without such statistics keep `fixed` as it is.
 *
 * @param stream draws which networks the batches have, and their augmentation and noise
 * Source: Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv:2105.07576, section 3.
 */
export function calibratorOf(
  model: Metanet,
  augmentation: Augmentation,
  data: ZooData,
  batch: number,
  stream: RandomStream,
  mixup?: Mixup,
): Calibrator {
  const { calibrate } = model;
  if (calibrate === undefined)
    return { calibrate: (_, fixed) => Promise.resolve(fixed), release: () => Promise.resolve() };
  const statistics = compile(
    ((params: Tensors, fixed: Tensors, batch: ChangingTensors) =>
      calibrate(params, fixed, changedWeights(model, augmentation, mixup, batch), batch.noise)) as never,
    { name: `${model.kind} statistics` },
  ) as unknown as Statistics;
  const batches = new Batches(model, augmentation, mixup, data);
  const order = stream.split('order').permutation(data.train.length);
  const count = Math.min(MOST_BATCHES, Math.floor(order.length / batch));
  return {
    calibrate: async (params, fixed) => {
      const sums = new Map<string, Sum>();
      for (let i = 0; i < count; i++) {
        const rows = Int32Array.from(order.subarray(i * batch, (i + 1) * batch), (at) => data.train[at]!);
        const { labels: _labels, ...drawn } = await batches.of({ rows, stream: stream.split('batch').split(i) });
        add(sums, await statistics(params, fixed, drawn));
      }
      return { ...fixed, ...meansOf(sums, count) };
    },
    release: statistics.release,
  };
}

interface ChangingTensors {
  readonly weights: Tensors;
  readonly mixing: Tensors;
  readonly draws: Tensors;
  readonly noise: Tensors;
}
type Changing = Omit<TrainBatch, 'labels'>;
type Statistics = ((params: NdArrays, fixed: NdArrays, batch: Changing) => Promise<NdArrays>) & {
  readonly release: () => Promise<void>;
};

interface Sum {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

function add(sums: Map<string, Sum>, arrays: NdArrays): void {
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    const entry = sums.get(name) ?? { shape, values: new Float64Array(data.length) };
    sums.set(name, entry);
    data.forEach((x, i) => (entry.values[i]! += x));
  }
}

const meansOf = (sums: ReadonlyMap<string, Sum>, count: number): NdArrays =>
  Object.fromEntries(
    [...sums].map(([name, { shape, values }]) => [
      name,
      ndarray(
        Float32Array.from(values, (x) => x / count),
        shape,
      ),
    ]),
  );
