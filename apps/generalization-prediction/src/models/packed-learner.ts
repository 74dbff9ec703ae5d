/** @file A metanet on networks of many architectures, any of which may share a batch. */
import { rows as sliceRows, scalar } from '@weightspace/compute';
import { mapValues } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import type { MixedMetanet, Networks } from '@weightspace/metanet';

import type { Rows } from '../zoo/load-rows.ts';
import { compileOutputs, compileStep } from './compiled.ts';
import type { Learner, LearnerState, Objective, OptimizerSettings } from './learner.ts';
import { targetsOf } from './learner.ts';

const EVALUATION_BATCH = 16;

export function packedLearner(
  model: MixedMetanet,
  measure: Learner['measure'],
  objective: Objective,
  settings: OptimizerSettings,
): Learner {
  const step = compileStep(model.kind, model.apply, objective, settings);
  const outputs = compileOutputs(model.kind, model.apply);
  return {
    kind: model.kind,
    parameterCount: model.parameterCount,
    initialize: model.initialize,
    measure,
    units: (_, train, batch) => ({ units: train, batch: Math.min(batch, train.length) }),
    step: async (state, fixed, { rows, target, units, stream, rate }) => {
      const networks = model.pack(networksOf(rows, units));
      const batch = { networks, noise: model.noise(networks, stream.split('noise')), y: targetsOf(target, units) };
      const done = (await step(state as never, fixed as never, batch as never, scalar(rate) as never)) as unknown as {
        readonly state: LearnerState;
        readonly loss: NdArray;
      };
      return { state: done.state, loss: done.loss.data[0]! };
    },
    outputs: async (params, fixed, rows, wanted) => {
      const found = new Float64Array(wanted.length);
      // Networks of about one size share a batch, so that few sizes are compiled.
      const size = ({ groups, groupOf }: Rows, row: number) => groups[groupOf[row]!]!.architecture.parameterCount;
      const order = [...wanted.keys()].sort((a, b) => size(rows, wanted[a]!) - size(rows, wanted[b]!) || a - b);
      for (let from = 0; from < order.length; from += EVALUATION_BATCH) {
        const own = order.slice(from, from + EVALUATION_BATCH);
        const networks = model.pack(
          networksOf(
            rows,
            own.map((i) => wanted[i]!),
          ),
        );
        const { data } = (await outputs(params as never, fixed as never, networks as never)) as unknown as NdArray;
        own.forEach((at, i) => (found[at] = data[i]!));
      }
      return found;
    },
    release: async () => {
      await step.release();
      await outputs.release();
    },
  };
}

/** One network each; views on the zoo's arrays. */
const networksOf = ({ groups, groupOf }: Rows, wanted: ArrayLike<number>): Networks[] =>
  Array.from(wanted, (row) => {
    const { architecture, weights, first } = groups[groupOf[row]!]!;
    const one = (array: NdArray): NdArray => {
      const own = sliceRows(array, row - first, row - first + 1);
      return { ...own, shape: own.shape.slice(1) };
    };
    return { architecture, weights: mapValues(weights, one) as NdArrays };
  });
