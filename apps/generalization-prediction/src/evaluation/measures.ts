/** @file How well predictions agree with what is true, each with an interval over runs. */
import type { RandomStream } from '@weightspace/compute';
import {
  bootstrapIntervals,
  kendallTau,
  meanAbsoluteError,
  r2,
  rootMeanSquaredError,
  spearmanRho,
} from '@weightspace/experiment';
import type { Estimate } from '@weightspace/experiment';

type Measure = (predicted: ArrayLike<number>, truth: ArrayLike<number>) => number;

/** By the name that metrics have. */
export const measures = {
  'kendall-tau': kendallTau,
  spearman: spearmanRho,
  r2,
  mae: meanAbsoluteError,
  rmse: rootMeanSquaredError,
} as const satisfies { readonly [name: string]: Measure };
export type MeasureName = keyof typeof measures;
export const measureNames = Object.keys(measures) as MeasureName[];

export type Estimates = { readonly [name in MeasureName]: Estimate };

/** Several predictions of the same rows, such as those of several seeds: a measure is their mean. */
export interface Judged {
  readonly predictions: readonly ArrayLike<number>[];
  readonly truth: ArrayLike<number>;
  /** The run of each row. */
  readonly runs: ArrayLike<number>;
}

/** Every measure with its 95 % percentile interval: runs are drawn anew, not rows. */
export function estimate({ predictions, truth, runs }: Judged, stream: RandomStream, samples = 1000): Estimates {
  const statistics = Object.fromEntries(
    measureNames.map((name) => [name, (rows: Int32Array) => meanOver(measures[name], predictions, truth, rows)]),
  ) as { [name in MeasureName]: (rows: Int32Array) => number };
  return bootstrapIntervals(statistics, { groups: runs, stream, samples });
}

/** Kendall's τ alone, as `estimate` has it. */
export const estimateTau = ({ predictions, truth, runs }: Judged, stream: RandomStream, samples = 1000): Estimate =>
  bootstrapIntervals(
    { tau: (rows) => meanOver(kendallTau, predictions, truth, rows) },
    { groups: runs, stream, samples },
  ).tau;

/** By how much Kendall's τ of one is above that of the other, on the same samples of runs. */
export function estimateLead(a: Judged, b: Judged, stream: RandomStream, samples = 1000): Estimate {
  const tau = ({ predictions, truth }: Judged, rows: Int32Array) => meanOver(kendallTau, predictions, truth, rows);
  return bootstrapIntervals({ lead: (rows) => tau(a, rows) - tau(b, rows) }, { groups: a.runs, stream, samples }).lead;
}

function meanOver(
  measure: Measure,
  predictions: readonly ArrayLike<number>[],
  truth: ArrayLike<number>,
  rows: Int32Array,
): number {
  const of = (values: ArrayLike<number>) => Float64Array.from(rows, (row) => values[row]!);
  const own = of(truth);
  return predictions.reduce((sum, values) => sum + measure(of(values), own), 0) / predictions.length;
}

/** `test/kendall-tau`, `test/kendall-tau-low`, …; what can't be computed is left out. */
export const asMetrics = (prefix: string, estimates: Estimates): { readonly [name: string]: number } =>
  Object.fromEntries(
    measureNames
      .flatMap((name): (readonly [string, number])[] => {
        const { value, low, high } = estimates[name];
        return [
          [`${prefix}/${name}`, value],
          [`${prefix}/${name}-low`, low],
          [`${prefix}/${name}-high`, high],
        ];
      })
      .filter(([, value]) => Number.isFinite(value)),
  );
