/** @file Training one metanet on a zoo, from its first step to its predictions on the test split. */
import { scalar, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import type { Augmentation, Mixup } from '@weightspace/augmentation';
import { trainLoop } from '@weightspace/experiment';
import type { LoopResult, LoopSettings, LoopState, Progress, Stage } from '@weightspace/experiment';
import type { Metanet } from '@weightspace/metanet';

import { Batches } from './batches.ts';
import { calibratorOf } from './calibration.ts';
import { compileLogits, compileStep, initialState } from './classifier.ts';
import type { OptimizerSettings } from './classifier.ts';
import { accuracy, predict } from './evaluation.ts';
import { makeMixup } from './models.ts';
import { weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

export interface TrainingSettings extends OptimizerSettings, LoopSettings {
  /** Epochs between two looks at the validation and test splits; 0 for one look at the end. */
  readonly evaluateEvery: number;
  /** Name of a mixup, or 'none'. */
  readonly mixup: string;
}

export interface TrainingHooks {
  /** The step counts updates of the parameters, from 1. */
  readonly logMetrics: (metrics: { readonly [name: string]: number }, step: number) => void;
  readonly progress: (total: number, done: number) => Progress;
}

/** Plain numbers that a finished training leaves. */
export interface TrainingResult {
  readonly metrics: { readonly [name: string]: number };
  readonly curve: readonly CurvePoint[];
  /** Class that the model gives each test network, in the order of the split. */
  readonly predictions: readonly number[];
}

export interface CurvePoint {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly validationAccuracy?: number;
  readonly testAccuracy?: number;
}

/**
 * Trains by AdamW on mixed and augmented batches, each of which is mixed while the step before runs; the last weights count, none are chosen by looking at the test split.
 *
 * A step's random numbers depend on the seed and its number alone, so a resumed training ends with the same bits.
 */
export async function trainClassifier(
  stage: Stage,
  model: Metanet,
  augmentation: Augmentation,
  data: ZooData,
  settings: TrainingSettings,
  stream: RandomStream,
  hooks: TrainingHooks,
): Promise<{ readonly json: TrainingResult; readonly arrays: NdArrays }> {
  const mixup = makeMixup(settings.mixup);
  try {
    return await trainMixed(stage, model, augmentation, mixup, data, settings, stream, hooks);
  } finally {
    await mixup?.close();
  }
}

async function trainMixed(
  stage: Stage,
  model: Metanet,
  augmentation: Augmentation,
  mixup: Mixup | undefined,
  data: ZooData,
  settings: TrainingSettings,
  stream: RandomStream,
  hooks: TrainingHooks,
): Promise<{ readonly json: TrainingResult; readonly arrays: NdArrays }> {
  const measured = model.measure(weightsOf(data, data.train), stream.split('fixed'));
  const step = compileStep(model, augmentation, settings, mixup);
  const batches = new Batches(model, augmentation, mixup, data);
  const examiner = examinerOf(model, augmentation, mixup, data, measured, settings, stream.split('calibration'));
  const drawSeconds: number[] = [];
  const done = await trainLoop({
    stage,
    settings,
    rows: data.train,
    stream,
    start: () => ({ ...initialState(model.initialize(stream.split('parameters')), settings) }),
    step: async (state, rows, own, rate, following) => {
      const started = performance.now();
      const batch = await batches.of({ rows, stream: own });
      batches.prepare(following);
      drawSeconds.push((performance.now() - started) / 1e3);
      const { state: next, ...result } = await step(state as never, measured as never, batch as never, scalar(rate));
      return { state: next as never, metrics: { loss: value(result.loss), accuracy: value(result.accuracy) } };
    },
    evaluate: async (state, epoch) => {
      const { evaluateEvery } = settings;
      return evaluateEvery > 0 && epoch % evaluateEvery === 0 ? (await look(examiner, paramsOf(state))).accuracies : {};
    },
    log: hooks.logMetrics,
    progress: hooks.progress,
  });
  const params = paramsOf(done.state);
  const { fixed, predictions, accuracies } = await look(examiner, params);
  await step.release();
  await examiner.release();
  // A training that was killed after its last step has drawn nothing since.
  const drawing: { readonly [name: string]: number } =
    drawSeconds.length > 0 ? { 'draw-seconds': median(drawSeconds) } : {};
  const metrics = { ...accuracies, ...finalMetrics(done, settings), ...drawing };
  return {
    json: { metrics, curve: curveOf(done), predictions },
    arrays: { ...withPrefix('params/', params), ...withPrefix('fixed/', fixed) },
  };
}

const value = (array: NdArray): number => array.data[0]!;
const paramsOf = (state: LoopState): NdArrays => state['params']!;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const finalMetrics = ({ curve, stepSeconds }: LoopResult, { epochs }: TrainingSettings) => ({
  'train/accuracy': curve.at(-1)?.['train/accuracy'] ?? NaN,
  'train/loss': curve.at(-1)?.['train/loss'] ?? NaN,
  'step-seconds': stepSeconds,
  'train/epochs': epochs,
});

const curveOf = ({ curve }: LoopResult): CurvePoint[] =>
  curve.map((point) => ({
    epoch: point.epoch,
    trainLoss: point['train/loss']!,
    trainAccuracy: point['train/accuracy']!,
    ...defined({ validationAccuracy: point['validation/accuracy'], testAccuracy: point['test/accuracy'] }),
  }));

const defined = (record: { readonly [name: string]: number | undefined }): { readonly [name: string]: number } =>
  Object.fromEntries(Object.entries(record).filter(([, v]) => v !== undefined)) as { readonly [name: string]: number };

/** Looks at the splits that nothing is trained on. */
interface Examiner {
  readonly calibrated: (params: NdArrays) => Promise<NdArrays>;
  /** The class of each network of a part. */
  readonly predictions: (params: NdArrays, fixed: NdArrays, part: 'validation' | 'test') => Promise<number[]>;
  /** Share classified right; undefined where the part has no networks. */
  readonly accuracy: (predictions: readonly number[], part: 'validation' | 'test') => number | undefined;
  readonly release: () => Promise<void>;
}

function examinerOf(
  model: Metanet,
  augmentation: Augmentation,
  mixup: Mixup | undefined,
  data: ZooData,
  measured: NdArrays,
  { batch }: TrainingSettings,
  stream: RandomStream,
): Examiner {
  const logits = compileLogits(model);
  const calibrator = calibratorOf(model, augmentation, data, batch, stream, mixup);
  return {
    calibrated: (params) => calibrator.calibrate(params, measured),
    predictions: (params, fixed, part) => predict(logits, params, fixed, data, data[part]),
    accuracy: (guesses, part) => (data[part].length === 0 ? undefined : accuracy(guesses, data, data[part])),
    release: async () => {
      await logits.release();
      await calibrator.release();
    },
  };
}

async function look(examiner: Examiner, params: NdArrays) {
  const fixed = await examiner.calibrated(params);
  const validation = await examiner.predictions(params, fixed, 'validation');
  const predictions = await examiner.predictions(params, fixed, 'test');
  const accuracies = defined({
    'test/accuracy': examiner.accuracy(predictions, 'test'),
    'validation/accuracy': examiner.accuracy(validation, 'validation'),
  });
  return { fixed, predictions, accuracies };
}
