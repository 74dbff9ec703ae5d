/** @file What all evaluations do: train the networks of a task by saved optimizers, beside the envelope of a tuned baseline. */
import { meanInterval } from '@weightspace/experiment';
import type { MeanInterval, RunContext, Stage, StageResult } from '@weightspace/experiment';
import {
  bestRate,
  copied,
  createOptimizer,
  divergedShare,
  envelopeOf,
  envelopeRates,
  evaluationMeans,
  packCurves,
  speedUp,
  trainInner,
  trainRates,
  unpackCurves,
} from '@weightspace/learned-optimizer';
import type {
  CurvesDescription,
  InnerCurves,
  InnerTraining,
  RateEnvelope,
  SavedOptimizer,
  SpeedUp,
  Task,
} from '@weightspace/learned-optimizer';

import { differenceFromRecord, recordOf } from './record.ts';

export interface JudgeSettings {
  readonly steps: number;
  readonly every: number;
  /** Networks of each optimizer. */
  readonly runs: number;
  readonly batches: number;
  readonly baseline: {
    readonly kind: string;
    /** Networks of each rate. */
    readonly runs: number;
    /** So many times the steps, so that a speed-up of as much can be seen. */
    readonly longer: number;
  };
}

/** One optimizer on one task. */
export interface Result {
  readonly name: string;
  readonly isBaseline: boolean;
  readonly curves: InnerCurves;
  /** At the end, by measure, e.g. `train/loss`. */
  readonly final: { readonly [measure: string]: MeanInterval };
  /** Training loss at the end less that of the baseline with its best rate, over networks with the same start and data. */
  readonly lead: MeanInterval;
  readonly speedUp: SpeedUp;
  /** The same in time: that of the envelope at the baseline's seconds of a step, over that of this optimizer. */
  readonly timeSpeedUp: number;
  readonly diverged: number;
  /** Of one network and step, in such a stack. */
  readonly gradientSeconds: number;
  readonly updateSeconds: number;
  /** Greatest difference from the curve in the optimizer's file; absent where none was recorded with these settings. */
  readonly fromRecord?: number;
}

export interface Judgement {
  readonly task: Task;
  readonly steps: number;
  readonly envelope: RateEnvelope;
  readonly rate: number;
  /** The baseline with its best rate first. */
  readonly results: readonly Result[];
}

export interface Named {
  readonly name: string;
  readonly saved: SavedOptimizer;
}

/**
 * Starts and data are the same for all optimizers; those of the envelope are others, on which the rate is tuned.
 *
 * @param stage a prefix for the names of the run's stages
 * @throws {SavedOptimizerError} {LearnedOptimizerError} when an optimizer doesn't fit the task, before anything is trained
 */
export async function judge(
  context: RunContext,
  stage: string,
  task: Task,
  optimizers: readonly Named[],
  settings: JudgeSettings,
): Promise<Judgement> {
  const { steps, every, runs, batches, baseline } = settings;
  const made = optimizers.map(({ name, saved }) => ({ name, saved, optimizer: saved.on(task.architecture) }));
  const stream = context.stream.split('evaluate').split(task.name);
  const common = { task, every, batches, threads: context.threads };
  const tuning = await staged(context, `${stage}envelope`, steps * baseline.longer, (own) =>
    trainRates({
      ...common,
      ...own,
      kind: baseline.kind,
      runs: baseline.runs,
      steps: steps * baseline.longer,
      stream: stream.split('tuning'),
    }),
  );
  const envelope = envelopeOf(tuning, envelopeRates);
  const rate = bestRate(envelope, steps);
  const measured = { ...common, runs, steps, stream: stream.split('test') };
  const tuned = createOptimizer(baseline.kind, task.architecture, { rate });
  const first = await staged(context, `${stage}${baseline.kind}`, steps, (own) =>
    trainInner({ ...measured, ...own, optimizer: tuned, meta: {} }),
  );
  const results = [resultOf(`${baseline.kind}, rate ${Number(rate.toPrecision(2))}`, true, first, first, envelope)];
  for (const { name, saved, optimizer } of made) {
    const curves = await staged(context, `${stage}${name}`, steps, (own) =>
      trainInner({ ...measured, ...own, optimizer, meta: copied(saved.meta, 1) }),
    );
    const result = resultOf(name, false, curves, first, envelope);
    const fromRecord = differenceFromRecord(saved, recordOf(context, task, curves, settings));
    results.push({ ...result, ...(fromRecord === undefined ? {} : { fromRecord }) });
  }
  return { task, steps, envelope, rate, results };
}

/** A training as a stage of the run, with progress. */
async function staged(
  context: RunContext,
  name: string,
  steps: number,
  train: (own: Required<Pick<InnerTraining, 'stage' | 'onStep'>>) => Promise<InnerCurves>,
): Promise<InnerCurves> {
  const { json, arrays } = await context.stage<CurvesDescription>(stageName(name), async (stage: Stage) => {
    let progress: ReturnType<RunContext['progress']> | undefined;
    const onStep = (step: number, loss: number) => {
      progress ??= context.progress({ label: name, total: steps, done: step - 1 });
      progress.update(step, `loss ${loss.toFixed(3)}`);
    };
    const curves = await train({ stage, onStep });
    progress?.stop();
    return packCurves(curves) satisfies StageResult<CurvesDescription>;
  });
  return unpackCurves(json, arrays);
}

const stageName = (text: string): string => text.replaceAll(/[^\w-]+/g, '-');

function resultOf(
  name: string,
  isBaseline: boolean,
  curves: InnerCurves,
  baseline: InnerCurves,
  envelope: RateEnvelope,
): Result {
  const measures = Object.keys(curves.evaluations);
  const final = Object.fromEntries(measures.map((measure) => [measure, evaluationMeans(curves, measure).at(-1)!]));
  const last = (own: InnerCurves) => own.evaluations['train/loss']!.data.slice(-own.diverged.length);
  const [mine, theirs] = [last(curves), last(baseline)];
  const [secondsOfStep, baselineSeconds] = [curves, baseline].map(({ seconds }) => seconds.gradients + seconds.update);
  const networks = curves.diverged.length;
  const gained = speedUp(envelope, curves.steps, final['train/loss']!.mean);
  return {
    name,
    isBaseline,
    curves,
    final,
    lead: meanInterval(Array.from(mine, (loss, n) => loss - theirs[n]!)),
    speedUp: gained,
    timeSpeedUp: (gained.factor * baselineSeconds!) / secondsOfStep!,
    diverged: divergedShare(curves),
    gradientSeconds: curves.seconds.gradients / networks,
    updateSeconds: curves.seconds.update / networks,
  };
}

/** Seconds of one network and step: its gradient and its update. */
export const stepSeconds = ({ gradientSeconds, updateSeconds }: Result): number => gradientSeconds + updateSeconds;

/** Metrics of one result, for the run's summary. */
export const metricsOf = (result: Result): Record<string, number> => ({
  ...Object.fromEntries(
    Object.entries(result.final).flatMap(([measure, { mean, low, high }]) => [
      [measure, mean],
      ...(Number.isFinite(low) ? [[`${measure}-low`, low] as const, [`${measure}-high`, high] as const] : []),
    ]),
  ),
  'train/loss-lead': result.lead.mean,
  'speed-up': result.speedUp.factor,
  'time-speed-up': result.timeSpeedUp,
  diverged: result.diverged,
  'gradient-seconds': result.gradientSeconds,
  'update-seconds': result.updateSeconds,
  ...(result.fromRecord === undefined ? {} : { 'difference-from-record': result.fromRecord }),
});
