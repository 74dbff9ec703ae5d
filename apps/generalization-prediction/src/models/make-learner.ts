/** @file The learner for a kind of metanet and the architectures of a zoo. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, takeRows } from '@weightspace/compute';
import type { Networks } from '@weightspace/metanet';

import type { Rows } from '../zoo/load-rows.ts';
import { blockLearner, groupedLearner } from './block-learner.ts';
import type { Learner, Objective, OptimizerSettings } from './learner.ts';
import { packedLearner } from './packed-learner.ts';
import { shareModel } from './shared-model.ts';
import type { ModelChoice } from './shared-model.ts';

/** How networks of several architectures share a step. */
export const batchings = ['auto', 'grouped', 'packed'] as const;
export type Batching = (typeof batchings)[number];

/** A graph is compiled for each architecture, which pays while there are not many. */
const MOST_GROUPS = 48;
const FEWEST_ROWS = 24;

/** Rows that `measure` looks at; more change nothing. */
const MEASURED = 2000;

/** Of all architectures of the rows, also those that no training sees. */
export const architecturesOf = ({ groups }: Pick<Rows, 'groups'>): Architecture[] => [
  ...new Map(groups.map(({ architecture }) => [architecture.signature, architecture])).values(),
];

/** @throws {UsageError} when the kind has no parameters that fit all architectures of the rows */
export function makeLearner(
  choice: ModelChoice,
  rows: Rows,
  batching: Batching,
  objective: Objective,
  optimizer: OptimizerSettings,
): Learner {
  const architectures = architecturesOf(rows);
  const shared = shareModel(choice, architectures);
  const measure: Learner['measure'] = (own, train, stream) => shared.measure(networksOf(own, train), stream);
  const { mixed } = shared;
  if (mixed && isPacked(choice.kind, batching, rows, architectures.length))
    return packedLearner(mixed, measure, objective, optimizer);
  const on = (own: Rows, group: number) => shared.on(own.groups[group]!.architecture);
  const source = { ...shared, measure, on };
  return shared.sharing === 'same'
    ? blockLearner({ ...source, on: () => shared.on(architectures[0]!) }, objective, optimizer)
    : groupedLearner(source, objective, optimizer, architectures.length);
}

/** StatNN packs a few statistics of each network, which is always cheaper. */
const isPacked = (kind: string, batching: Batching, { count }: Rows, architectures: number): boolean =>
  batching === 'packed' ||
  (batching === 'auto' && (kind === 'stat-nn' || architectures > MOST_GROUPS || count / architectures < FEWEST_ROWS));

/** Up to `MEASURED` of the rows, evenly, as networks by architecture. */
export function networksOf({ groups, groupOf }: Rows, train: Int32Array): Networks[] {
  const every = Math.max(1, train.length / MEASURED);
  const chosen = Array.from({ length: Math.floor(train.length / every) }, (_, i) => train[Math.floor(i * every)]!);
  return groups.flatMap(({ architecture, weights, first }, g) => {
    const own = Int32Array.from(chosen.filter((row) => groupOf[row] === g).map((row) => row - first));
    return own.length === 0 ? [] : [{ architecture, weights: mapValues(weights, (array) => takeRows(array, own)) }];
  });
}
