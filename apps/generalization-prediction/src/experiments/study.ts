/** @file What all experiments do: train a model once per seed on parts of a zoo's rows, and judge what it predicts. */
import { withPrefix } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { meanInterval } from '@weightspace/experiment';
import type { MeanInterval, RunContext } from '@weightspace/experiment';

import { asMetrics, estimate } from '../evaluation/measures.ts';
import type { Estimates, Judged } from '../evaluation/measures.ts';
import { boundsFor } from '../evaluation/bounds.ts';
import { scaleOf } from '../models/loss.ts';
import type { Objective } from '../models/learner.ts';
import { makeLearner } from '../models/make-learner.ts';
import type { ModelChoice } from '../models/shared-model.ts';
import type { Parts } from '../splits/parts.ts';
import { trainPredictor } from '../training/train-predictor.ts';
import type { Task, TrainingResult, TrainingSettings } from '../training/train-predictor.ts';

/** One model on one part of the rows, trained once per seed. */
export interface Study {
  /** Kebab-case; names the stages. */
  readonly name: string;
  readonly model: ModelChoice;
  readonly training: TrainingSettings;
  readonly task: Task;
  readonly seeds: readonly number[];
  /** Whether metrics go without the stage's name in front. */
  readonly isMain?: boolean;
}

export interface Outcome {
  readonly name: string;
  readonly parameterCount: number;
  readonly objective: Objective;
  readonly results: readonly TrainingResult[];
  /** Of the first seed. */
  readonly arrays: NdArrays;
}

/** Trains; finished seeds are there at once in a resumed run. */
export async function runStudy(context: RunContext, study: Study): Promise<Outcome> {
  const { name, model, training, task, seeds } = study;
  const scale = scaleOf(training.loss, task.target, task.parts.train);
  const objective: Objective = { loss: training.loss, scale };
  const results: TrainingResult[] = [];
  let arrays: NdArrays = {};
  let parameterCount = 0;
  for (const seed of seeds) {
    const stage = `${name}-seed${seed}`;
    const learner = makeLearner(model, task.rows, training.batching, objective, training);
    ({ parameterCount } = learner);
    try {
      const done = await context.stage<TrainingResult>(stage, (own) => {
        context.say(
          `${stage}: ${model.kind}, ${parameterCount.toLocaleString('en')} parameters, ${training.epochs} epochs on ${task.parts.train.length.toLocaleString('en')} rows`,
        );
        const named = (metrics: { readonly [metric: string]: number }) =>
          study.isMain === true && seed === seeds[0] ? metrics : withPrefix(`${stage}/`, metrics);
        return trainPredictor(own, learner, task, objective, training, streamOf(context, seed, name), {
          logMetrics: (metrics, step) => context.logMetrics(named(metrics), step),
          progress: (total, now) => context.progress({ label: stage, total, done: now }),
        });
      });
      results.push(done.json);
      if (seed === seeds[0]) arrays = done.arrays;
    } finally {
      await learner.release();
    }
  }
  return { name, parameterCount, objective, results, arrays };
}

const streamOf = (context: RunContext, seed: number, name: string) =>
  context.stream.split('seed').split(seed).split(name);

/** The predictions of all seeds for a part, beside what is true. */
export function judged({ rows, target, parts }: Task, { results }: Outcome, part: string): Judged {
  const own = rowsOf(parts, part);
  return {
    predictions: results.map(({ predictions }) => predictions[part]!),
    truth: Float64Array.from(own, (row) => target[row]!),
    runs: Int32Array.from(own, (row) => rows.runs[row]!),
  };
}

export const rowsOf = ({ validation, tests }: Parts, part: string): Int32Array =>
  part === 'validation' ? validation : tests[part]!;

/** What is known of a model's predictions of one part. */
export interface Verdict {
  readonly model: string;
  readonly part: string;
  /** Mean over seeds, with 95 % intervals over other samples of runs. */
  readonly estimates: Estimates;
  /** Kendall's τ over seeds, with the 95 % interval over other seeds. */
  readonly seeds: MeanInterval;
  readonly parameters: number;
  readonly stepSeconds: number;
  /** Chosen epoch of each seed, of how many. */
  readonly chosen: readonly number[];
  readonly epochs: number;
}

export function verdict(context: RunContext, task: Task, outcome: Outcome, part: string, samples: number): Verdict {
  const own = judged(task, outcome, part);
  const taus = own.predictions.map(
    (predictions) => estimate({ ...own, predictions: [predictions] }, intervalStream(context), 1)['kendall-tau'].value,
  );
  const times = outcome.results.map(({ stepSeconds }) => stepSeconds).sort((a, b) => a - b);
  return {
    model: outcome.name,
    part,
    estimates: estimate(own, intervalStream(context), samples),
    seeds: meanInterval(taus),
    parameters: outcome.parameterCount,
    stepSeconds: times[times.length >> 1]!,
    chosen: outcome.results.map(({ epoch }) => epoch),
    epochs: outcome.results[0]!.epochs,
  };
}

/** All models are judged on the same samples of runs. */
export const intervalStream = (context: RunContext) => context.stream.split('intervals');

/** What is reached without weights: columns of the zoo as predictions. */
export function boundVerdicts(
  context: RunContext,
  { rows, target, parts }: Task,
  targetName: string,
  part: string,
  samples: number,
): Verdict[] {
  const own = rowsOf(parts, part);
  return boundsFor(rows.columns, own, targetName).map(({ name, column }) => {
    const { values } = rows.columns.get(column)!;
    const predictions = [Float64Array.from(own, (row) => values[row]!)];
    const truth = Float64Array.from(own, (row) => target[row]!);
    const runs = Int32Array.from(own, (row) => rows.runs[row]!);
    const estimates = estimate({ predictions, truth, runs }, intervalStream(context), samples);
    const seeds = meanInterval([estimates['kendall-tau'].value]);
    return { model: name, part, estimates, seeds, parameters: 0, stepSeconds: NaN, chosen: [], epochs: 0 };
  });
}

export const metricsOf = ({
  part,
  estimates,
  seeds,
  parameters,
  stepSeconds,
  chosen,
}: Verdict): Record<string, number> => ({
  ...asMetrics(part, estimates),
  ...(Number.isFinite(seeds.low)
    ? { [`${part}/kendall-tau-seeds-low`]: seeds.low, [`${part}/kendall-tau-seeds-high`]: seeds.high }
    : {}),
  ...(parameters > 0 ? { parameters, 'step-seconds': stepSeconds } : {}),
  ...(chosen.length > 0 ? { 'chosen-epoch': chosen.reduce((a, b) => a + b, 0) / chosen.length } : {}),
});

/** What the zoo holds, in one line. */
export function describeTask({ rows, parts }: Task): string {
  const runs = (own: Int32Array) => new Set(Array.from(own, (row) => rows.runs[row]!)).size;
  const shown = (name: string, own: Int32Array) =>
    `${own.length.toLocaleString('en')} rows of ${runs(own).toLocaleString('en')} runs ${name}`;
  const tests = Object.entries(parts.tests).map(([name, own]) => shown(`for ${name}`, own));
  const { size } = new Set(rows.groups.map(({ architecture }) => architecture.signature));
  return `${rows.paths.join(' and ')}: ${size} architecture${size === 1 ? '' : 's'}; ${[shown('for training', parts.train), shown('for validation', parts.validation), ...tests].join(', ')}`;
}
