/** @file Curves of an evaluation in the optimizer's own file, so that another evaluation can say whether it sees the same. */
import type { Json } from '@weightspace/experiment';
import { evaluationMeans, saveOptimizer } from '@weightspace/learned-optimizer';
import type { InnerCurves, SavedOptimizer, Task } from '@weightspace/learned-optimizer';

/** Its name in the provenance. */
const NAME = 'evaluation';

/** What an optimizer did; curves with other settings aren't comparable. */
export type EvaluationRecord = {
  readonly settings: {
    readonly task: string;
    readonly seed: number;
    readonly steps: number;
    readonly every: number;
    readonly runs: number;
    readonly batches: number;
  };
  /** Inner steps before each evaluation. */
  readonly at: readonly number[];
  /** Means over networks, by measure. */
  readonly curves: { readonly [measure: string]: readonly number[] };
};

interface Settings {
  readonly every: number;
  readonly runs: number;
  readonly batches: number;
}

export function recordOf(
  { seed }: { readonly seed: number },
  { name }: Task,
  inner: InnerCurves,
  { every, runs, batches }: Settings,
): EvaluationRecord {
  const curves = Object.fromEntries(
    Object.keys(inner.evaluations).map((measure) => [
      measure,
      evaluationMeans(inner, measure).map(({ mean }) => Number(mean.toPrecision(6))),
    ]),
  );
  return { settings: { task: name, seed, steps: inner.steps, every, runs, batches }, at: inner.at, curves };
}

/**
 * Greatest difference of the mean training losses at any evaluation.
 *
 * @returns undefined where the file has no curves with these settings
 */
export function differenceFromRecord({ provenance }: SavedOptimizer, now: EvaluationRecord): number | undefined {
  const before = provenance[NAME] as EvaluationRecord | undefined;
  if (before === undefined || JSON.stringify(before.settings) !== JSON.stringify(now.settings)) return undefined;
  const [losses, recorded] = [now, before].map(({ curves }) => curves['train/loss']!);
  return Math.max(...losses!.map((loss, i) => Math.abs(loss - recorded![i]!)));
}

/** Writes the optimizer's files anew, with the record in place of an earlier one. */
export function writeRecord(saved: SavedOptimizer, record: EvaluationRecord): void {
  const provenance = { ...saved.provenance, [NAME]: record as unknown as Json };
  saveOptimizer(saved.file, { ...saved, provenance } as never);
}
