/** @file The learner for a kind of metanet and the architectures of a zoo. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, takeRows } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { createMetanet, createMixedMetanet, metanetKinds } from '@weightspace/metanet';
import type { Networks, Settings } from '@weightspace/metanet';

import type { Rows } from '../zoo/load-rows.ts';
import { blockLearner, groupedLearner } from './block-learner.ts';
import type { Learner, Objective, OptimizerSettings } from './learner.ts';
import { packedLearner } from './packed-learner.ts';

/** How networks of several architectures share a step. */
export const batchings = ['auto', 'grouped', 'packed'] as const;
export type Batching = (typeof batchings)[number];

export interface ModelChoice {
  readonly kind: string;
  readonly settings: Settings;
}

/** A graph is compiled for each architecture, which pays while there are not many. */
const MOST_GROUPS = 48;
const FEWEST_ROWS = 24;

/** Rows that `measure` looks at; more change nothing. */
const MEASURED = 2000;

/** Of all architectures of the rows, also those that no training sees. */
export const architecturesOf = ({ groups }: Pick<Rows, 'groups'>): Architecture[] => [
  ...new Map(groups.map(({ architecture }) => [architecture.signature, architecture])).values(),
];

/** Kinds that take several architectures. */
export const mixedKinds = (): string[] => metanetKinds().flatMap(({ kind, mix }) => (mix === undefined ? [] : [kind]));

/** @throws {UsageError} when the kind takes one architecture and there are several */
export function makeLearner(
  { kind, settings }: ModelChoice,
  rows: Rows,
  batching: Batching,
  objective: Objective,
  optimizer: OptimizerSettings,
): Learner {
  const architectures = architecturesOf(rows);
  const [only] = architectures;
  if (architectures.length === 1) {
    const model = createMetanet(kind, only!, 1, settings);
    if (model.calibrate)
      throw new UsageError(
        `model.kind: ${kind} normalizes by statistics of the batch, which this app doesn't; choose another`,
      );
    return blockLearner(
      {
        ...model,
        measure: (own, train, stream) => model.measure(stackedWeights(networksOf(own, train)), stream),
        on: () => model,
      },
      objective,
      optimizer,
    );
  }
  if (!mixedKinds().includes(kind))
    throw new UsageError(
      `model.kind: must be one of ${mixedKinds().join(', ')} for ${architectures.length} architectures, got '${kind}'`,
    );
  const model = createMixedMetanet(kind, architectures, 1, settings);
  const measure: Learner['measure'] = (own, train, stream) => model.measure(networksOf(own, train), stream);
  if (batchingOf(batching, rows, architectures.length) === 'packed')
    return packedLearner(model, measure, objective, optimizer);
  const on = (own: Rows, group: number) => model.on(own.groups[group]!.architecture);
  return groupedLearner({ ...model, measure, on }, objective, optimizer);
}

const batchingOf = (batching: Batching, { count }: Rows, architectures: number): Batching => {
  if (batching !== 'auto') return batching;
  return architectures <= MOST_GROUPS && count / architectures >= FEWEST_ROWS ? 'grouped' : 'packed';
};

/** Up to `MEASURED` of the rows, evenly, as networks by architecture. */
export function networksOf({ groups, groupOf }: Rows, train: Int32Array): Networks[] {
  const every = Math.max(1, train.length / MEASURED);
  const chosen = Array.from({ length: Math.floor(train.length / every) }, (_, i) => train[Math.floor(i * every)]!);
  return groups.flatMap(({ architecture, weights, first }, g) => {
    const own = Int32Array.from(chosen.filter((row) => groupOf[row] === g).map((row) => row - first));
    return own.length === 0 ? [] : [{ architecture, weights: mapValues(weights, (array) => takeRows(array, own)) }];
  });
}

/** Networks of one architecture, perhaps of several zoos, in one stack. */
function stackedWeights(networks: readonly Networks[]): NdArrays {
  const [first, ...others] = networks;
  if (others.length === 0) return first!.weights;
  return mapValues(first!.weights, (array, name) => {
    const parts = networks.map(({ weights }) => weights[name]!);
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
    let at = 0;
    for (const part of parts) {
      data.set(part.data as Float32Array, at);
      at += part.data.length;
    }
    const count = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
    return { dtype: 'float32', shape: [count, ...array.shape.slice(1)], data };
  });
}
