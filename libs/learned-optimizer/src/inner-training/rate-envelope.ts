/** @file The best that an optimizer can do when its learning rate is tuned anew for every number of steps. */
import { mapValues, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { createOptimizer } from '../optimizers/learned-optimizer.ts';
import { curvesOfCopy, evaluationMeans } from './inner-curves.ts';
import type { InnerCurves } from './inner-curves.ts';
import { trainInner } from './train-inner.ts';
import type { InnerTraining } from './train-inner.ts';

/** As published: 15 from 1e-7 to 1, evenly spaced in the logarithm. */
export const envelopeRates: readonly number[] = Array.from({ length: 15 }, (_, i) => 10 ** (-7 + i / 2));

export interface RateTraining extends Omit<InnerTraining, 'optimizer' | 'meta'> {
  /** Kind of the optimizer whose rate is tuned; `adam` when absent. */
  readonly kind?: string;
  /** The published ones when absent. */
  readonly rates?: readonly number[];
}

/**
 * Trains the networks with every rate, as copies of `log rate` in one graph: the curves of rate m are those of copy m.
 *
 * Source: learned_optimization's baselines, 15 rates × 5 seeds. Departs: nothing.
 * @throws {LearnedOptimizerError} when there is no kind `learnable-<kind>`
 */
export async function trainRates({
  kind = 'adam',
  rates = envelopeRates,
  ...training
}: RateTraining): Promise<InnerCurves> {
  const optimizer = createOptimizer(`learnable-${kind}`, training.task.architecture);
  const meta = optimizer.initialize(training.stream);
  return trainInner({ ...training, optimizer, meta: { ...copied(meta, rates.length), 'log rate': logs(rates) } });
}

const logs = (rates: readonly number[]): NdArray => ndarray(Float32Array.from(rates, Math.log), [rates.length]);

/** Meta-parameters with an axis M, all copies equal. */
export const copied = (meta: NdArrays, copies: number): NdArrays =>
  mapValues(meta, ({ data, shape }) => {
    const all = new Float32Array(copies * data.length);
    for (let i = 0; i < copies; i++) all.set(data as Float32Array, i * data.length);
    return ndarray(all, [copies, ...shape]);
  });

/** For each number of steps the least mean loss of all rates. */
export interface RateEnvelope {
  readonly measure: string;
  readonly rates: readonly number[];
  readonly steps: readonly number[];
  readonly losses: readonly number[];
  /** Which rate that is, by its place. */
  readonly best: readonly number[];
}

/** @param measure a loss of the evaluations, mostly `train/loss` */
export function envelopeOf(curves: InnerCurves, rates: readonly number[], measure = 'train/loss'): RateEnvelope {
  const means = rates.map((_, copy) => evaluationMeans(curvesOfCopy(curves, copy, rates.length), measure));
  const best = curves.at.map((_, i) => {
    const losses = means.map((own) => own[i]!.mean);
    return losses.reduce((least, loss, copy) => (loss < losses[least]! ? copy : least), 0);
  });
  return { measure, rates, steps: curves.at, losses: best.map((copy, i) => means[copy]![i]!.mean), best };
}

/** The rate that is best after a number of steps: at the first evaluation from there on, else at the last. */
export function bestRate({ steps, rates, best }: RateEnvelope, after: number): number {
  const found = steps.findIndex((step) => step >= after);
  return rates[best.at(found)!]!;
}

export interface SpeedUp {
  readonly steps: number;
  /** Steps of the envelope to the same loss; its last where `isBound`. */
  readonly envelopeSteps: number;
  readonly factor: number;
  /** Whether the envelope never reaches the loss, so that the factor is at least this. */
  readonly isBound: boolean;
}

/**
 * How many steps the envelope needs for a loss, over those that were needed: envelope steps / steps, between evaluations on the
 * straight line.
 *
 * @param steps above 0
 */
export function speedUp(envelope: RateEnvelope, steps: number, loss: number): SpeedUp {
  const { steps: at, losses } = envelope;
  const reached = losses.findIndex((own) => own <= loss);
  if (reached < 0) return { steps, envelopeSteps: at.at(-1)!, factor: at.at(-1)! / steps, isBound: true };
  const [before, here] = [Math.max(0, reached - 1), reached];
  const share = before === here ? 1 : (losses[before]! - loss) / (losses[before]! - losses[here]!);
  const envelopeSteps = at[before]! + share * (at[here]! - at[before]!);
  return { steps, envelopeSteps, factor: envelopeSteps / steps, isBound: false };
}
