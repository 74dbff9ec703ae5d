/** @file What several tasks say together of one optimizer. */
import { meanInterval } from '@weightspace/experiment';
import type { MeanInterval } from '@weightspace/experiment';

import type { Column } from '../report/table.ts';
import { intervalText } from '../report/table.ts';
import type { Judgement, Result } from './judge.ts';

export interface Pooled {
  readonly name: string;
  /** Of the tasks' mean leads; its interval is over tasks. */
  readonly lead: MeanInterval;
  /** Tasks on which the interval over networks lies below 0, and above. */
  readonly better: number;
  readonly worse: number;
  /** Geometric mean of the tasks' speed-ups, of which those that are bounds count as they are. */
  readonly speedUp: number;
  /** Share of all networks. */
  readonly diverged: number;
}

/** The learned optimizers in the order of the results. @param judgements of the same optimizers, one or more */
export function pooled(judgements: readonly Judgement[]): readonly Pooled[] {
  const learned = judgements.map(({ results }) => results.filter(({ isBaseline }) => !isBaseline));
  return learned[0]!.map(({ name }, k) =>
    pool(
      name,
      learned.map((results) => results[k]!),
    ),
  );
}

function pool(name: string, results: readonly Result[]): Pooled {
  const mean = (of: (result: Result) => number) => results.reduce((sum, own) => sum + of(own), 0) / results.length;
  return {
    name,
    lead: meanInterval(results.map(({ lead }) => lead.mean)),
    better: results.filter(({ lead }) => lead.high < 0).length,
    worse: results.filter(({ lead }) => lead.low > 0).length,
    speedUp: Math.exp(mean((own) => Math.log(own.speedUp.factor))),
    diverged: mean((own) => own.diverged),
  };
}

export const pooledColumns: readonly Column<Pooled>[] = [
  ['all tasks', 'left', ({ name }) => name],
  ['less baseline', 'right', ({ lead }) => intervalText(lead)],
  ['better on', 'right', ({ better }) => String(better)],
  ['worse on', 'right', ({ worse }) => String(worse)],
  ['speed-up', 'right', ({ speedUp }) => speedUp.toFixed(2)],
  ['diverged', 'right', ({ diverged }) => `${Math.round(100 * diverged)} %`],
];

/** For the run's summary. */
export const metricsOfPooled = ({ lead, better, worse, speedUp, diverged }: Pooled): Record<string, number> => ({
  'train/loss-lead': lead.mean,
  ...(Number.isFinite(lead.low) ? { 'train/loss-lead-low': lead.low, 'train/loss-lead-high': lead.high } : {}),
  'tasks-better': better,
  'tasks-worse': worse,
  'speed-up': speedUp,
  diverged,
});
