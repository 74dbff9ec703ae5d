/** @file Training one metanet to predict a number of each network, from the first step to predictions of the tests. */
import { mapValues, ndarray, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { kendallTau, trainLoop } from '@weightspace/experiment';
import type { LoopMetrics, LoopSettings, LoopState, Progress, Stage } from '@weightspace/experiment';

import { optimizerOf } from '../models/compiled.ts';
import type { Learner, LearnerState, Objective, OptimizerSettings } from '../models/learner.ts';
import { lossAt, predictionOf } from '../models/loss.ts';
import type { LossName } from '../models/loss.ts';
import type { Batching } from '../models/make-learner.ts';
import type { Parts } from '../splits/parts.ts';
import type { Rows } from '../zoo/load-rows.ts';

/** By what the epoch is chosen, on the validation split: highest τ, lowest loss, or not at all. */
export const choices = ['kendall-tau', 'loss', 'last'] as const;
export type Choice = (typeof choices)[number];

export interface TrainingSettings extends OptimizerSettings, LoopSettings {
  readonly loss: LossName;
  readonly choose: Choice;
  /** How many times in a training the validation split is looked at, evenly. */
  readonly looks: number;
  readonly batching: Batching;
}

export interface Task {
  readonly rows: Rows;
  /** Of every row; NaN where unknown. */
  readonly target: Float64Array;
  readonly parts: Parts;
}

export interface TrainingHooks {
  readonly logMetrics: (metrics: { readonly [name: string]: number }, step: number) => void;
  readonly progress: (total: number, done: number) => Progress;
}

export interface CurvePoint {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validationLoss?: number;
  readonly validationTau?: number;
}

/** Plain numbers that a finished training leaves. */
export interface TrainingResult {
  readonly curve: readonly CurvePoint[];
  /** Whose parameters are kept. */
  readonly epoch: number;
  readonly epochs: number;
  readonly stepSeconds: number;
  readonly batch: number;
  /** By part, in the order of its rows. */
  readonly predictions: { readonly [part: string]: readonly number[] };
}

export interface Trained {
  readonly json: TrainingResult;
  /** `params/…` and `fixed/…`. */
  readonly arrays: NdArrays;
}

/**
 * Trains by AdamW. The validation split chooses whose epoch's parameters are kept; the test splits are looked at once, at
 * the end.
 *
 * A step's random numbers depend on the seed and its number alone, so a resumed training ends with the same bits.
 */
export async function trainPredictor(
  stage: Stage,
  learner: Learner,
  { rows, target, parts }: Task,
  objective: Objective,
  settings: TrainingSettings,
  stream: RandomStream,
  hooks: TrainingHooks,
): Promise<Trained> {
  const { train, validation, tests } = parts;
  const fixed = learner.measure(rows, train, stream.split('fixed'));
  const { units, batch } = learner.units(rows, train, settings.batch);
  const every = Math.max(1, Math.round(settings.epochs / Math.max(1, settings.looks)));
  const look = lookAt(learner, { rows, target, parts }, objective, fixed);
  const done = await trainLoop({
    stage,
    settings: { ...settings, batch },
    rows: units,
    stream,
    start: () => {
      const params = learner.initialize(stream.split('parameters'));
      return { params, optimizer: optimizerOf(settings).init(params) };
    },
    step: async (state, own, drawing, rate) => {
      const { params, optimizer, ...kept } = state;
      const result = await learner.step({ params, optimizer } as LearnerState, fixed, {
        rows,
        target,
        units: own,
        stream: drawing,
        rate,
      });
      return { state: { ...kept, ...result.state }, metrics: { loss: result.loss } };
    },
    evaluate: async (state, epoch) => {
      const isTime = epoch % every === 0 || epoch === settings.epochs;
      return validation.length > 0 && isTime ? look(state['params']!) : {};
    },
    choose: (state, point) => better(state, point, settings.choose),
    log: hooks.logMetrics,
    progress: hooks.progress,
  });
  const params = done.state['chosen'] ?? done.state['params']!;
  const predicted = async (own: Int32Array) => {
    const outputs = await learner.outputs(params, fixed, rows, own);
    return Array.from(outputs, (z) => predictionOf(objective.loss, objective.scale, z));
  };
  const predictions: Record<string, readonly number[]> = { validation: await predicted(validation) };
  for (const [name, own] of Object.entries(tests)) predictions[name] = await predicted(own);
  return {
    json: {
      curve: done.curve.map(curvePoint),
      epoch: done.state['choice']?.['epoch']!.data[0] ?? settings.epochs,
      epochs: settings.epochs,
      stepSeconds: done.stepSeconds,
      batch,
      predictions,
    },
    arrays: { ...withPrefix('params/', params), ...withPrefix('fixed/', fixed) },
  };
}

/** Loss and τ on the validation split; τ is left out where all predictions are equal. */
function lookAt(learner: Learner, { rows, target, parts }: Task, { loss, scale }: Objective, fixed: NdArrays) {
  const { validation } = parts;
  const truth = Float64Array.from(validation, (row) => target[row]!);
  return async (params: NdArrays): Promise<LoopMetrics> => {
    const outputs = await learner.outputs(params, fixed, rows, validation);
    const mean = outputs.reduce((sum, z, i) => sum + lossAt(loss, scale, z, truth[i]!), 0) / truth.length;
    const tau = kendallTau(outputs, truth);
    return { 'validation/loss': mean, ...(Number.isNaN(tau) ? {} : { 'validation/kendall-tau': tau }) };
  };
}

/** Keeps a copy of the parameters where they are the best so far; of equal ones the first. */
function better(state: LoopState, point: LoopMetrics & { readonly epoch: number }, choice: Choice): LoopState {
  if (choice === 'last') return state;
  const value = choice === 'loss' ? negative(point['validation/loss']) : point['validation/kendall-tau'];
  const best = state['choice']?.['value']!.data[0] ?? -Infinity;
  if (value === undefined || Math.fround(value) <= best) return state;
  const params = mapValues(state['params']!, (array) => ({ ...array, data: array.data.slice() }) as typeof array);
  return { ...state, chosen: params, choice: { value: ndarray([value], [1]), epoch: ndarray([point.epoch], [1]) } };
}

const negative = (value: number | undefined): number | undefined => (value === undefined ? undefined : -value);

const curvePoint = (point: LoopMetrics & { readonly epoch: number }): CurvePoint => {
  const [loss, tau] = [point['validation/loss'], point['validation/kendall-tau']];
  return {
    epoch: point.epoch,
    trainLoss: point['train/loss']!,
    ...(loss === undefined ? {} : { validationLoss: loss }),
    ...(tau === undefined ? {} : { validationTau: tau }),
  };
};
