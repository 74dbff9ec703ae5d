/** @file Training one metanet on a zoo, from its first step to its predictions on the test split. */
import { cosine, mapValues, scalar, warmUp } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import type { Augmentation } from '@weightspace/augmentation';
import type { Progress, Snapshot, Stage } from '@weightspace/experiment';
import type { Metanet } from '@weightspace/metanet';

import { batchesOf } from './batches.ts';
import { calibratorOf } from './calibration.ts';
import { compileLogits, compileStep, initialState } from './classifier.ts';
import type { OptimizerSettings, TrainState } from './classifier.ts';
import { accuracy, predict } from './evaluation.ts';
import { weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

export interface TrainingSettings extends OptimizerSettings {
  readonly epochs: number;
  readonly batch: number;
  /** Peak of the learning rate: it rises linearly in the first part of the steps, then falls as a cosine. */
  readonly rate: number;
  /** Share of all steps in which the rate rises. */
  readonly warmUp: number;
  /** Epochs between two looks at the validation and test splits; 0 for one look at the end. */
  readonly evaluateEvery: number;
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

interface Position {
  readonly step: number;
  readonly lossSum: number;
  readonly accuracySum: number;
  readonly curve: readonly CurvePoint[];
  readonly stepSeconds: readonly number[];
  /** The part of them in which the batch was drawn. */
  readonly drawSeconds: readonly number[];
}

const START: Position = { step: 0, lossSum: 0, accuracySum: 0, curve: [], stepSeconds: [], drawSeconds: [] };
/** How many step times are kept for their median. */
const KEPT_TIMES = 500;

/**
 * Trains by AdamW on augmented batches; the last weights count, none are chosen by looking at the test split.
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
  const batches = batchesOf(model, augmentation, data, settings.batch, stream);
  const total = batches.perEpoch * settings.epochs;
  const rise = Math.round(settings.warmUp * total);
  const rateAt = warmUp(rise, cosine(settings.rate, Math.max(1, total - rise), settings.rate * 0.01));
  const measured = model.measure(weightsOf(data, data.train), stream.split('fixed'));
  const step = compileStep(model, augmentation, settings);
  const examiner = examinerOf(model, augmentation, data, measured, settings.batch, stream.split('calibration'));
  const restored = stage.checkpoint.load<Position>();
  let state = restored
    ? unpackState(restored.arrays)
    : initialState(model.initialize(stream.split('parameters')), settings);
  let at = restored?.json ?? START;
  const progress = hooks.progress(total, at.step);
  while (at.step < total) {
    const started = performance.now();
    const batch = batches.at(at.step);
    const drawn = performance.now();
    const result = await step(state as never, measured as never, batch as never, scalar(rateAt(at.step)));
    state = result.state as TrainState;
    const times = { step: (performance.now() - started) / 1e3, draw: (drawn - started) / 1e3 };
    at = advance(at, value(result.loss), value(result.accuracy), times);
    hooks.logMetrics({ 'train/step-loss': value(result.loss) }, at.step);
    if (at.step % batches.perEpoch === 0) at = await endEpoch(at, batches.perEpoch, state, examiner, settings, hooks);
    progress.update(at.step, `loss ${lossNow(at, batches.perEpoch).toFixed(3)}`);
    const [snapshotState, snapshotAt] = [state, at];
    await stage.safePoint((): Snapshot<Position> => ({ arrays: packState(snapshotState), json: snapshotAt }));
  }
  progress.stop();
  const { fixed, result } = await finish(at, state, examiner, settings);
  const params = mapValues(state.params, copyOf);
  await step.release();
  await examiner.release();
  return { json: result, arrays: { ...prefixed('params', params), ...prefixed('fixed', fixed) } };
}

const value = (array: NdArray): number => array.data[0]!;
const copyOf = (array: NdArray): NdArray => ({ ...array, data: array.data.slice() }) as NdArray;

const lossNow = ({ lossSum, step, curve }: Position, perEpoch: number): number =>
  step % perEpoch === 0 ? (curve.at(-1)?.trainLoss ?? 0) : lossSum / (step % perEpoch);

interface Times {
  readonly step: number;
  readonly draw: number;
}

function advance(at: Position, loss: number, accuracy: number, times: Times): Position {
  if (!Number.isFinite(loss))
    throw new Error(
      `trainClassifier: the loss became ${loss} at step ${at.step}; lower training.rate or training.clip`,
    );
  return {
    ...at,
    step: at.step + 1,
    lossSum: at.lossSum + loss,
    accuracySum: at.accuracySum + accuracy,
    stepSeconds: [...at.stepSeconds, times.step].slice(-KEPT_TIMES),
    drawSeconds: [...at.drawSeconds, times.draw].slice(-KEPT_TIMES),
  };
}

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
  data: ZooData,
  measured: NdArrays,
  batch: number,
  stream: RandomStream,
): Examiner {
  const logits = compileLogits(model);
  const calibrator = calibratorOf(model, augmentation, batchesOf(model, augmentation, data, batch, stream));
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
  const test = await examiner.predictions(params, fixed, 'test');
  return {
    fixed,
    predictions: test,
    validationAccuracy: examiner.accuracy(validation, 'validation'),
    testAccuracy: examiner.accuracy(test, 'test'),
  };
}

const defined = <V>(record: { readonly [name: string]: V | undefined }): { readonly [name: string]: V } =>
  Object.fromEntries(Object.entries(record).filter(([, v]) => v !== undefined)) as { readonly [name: string]: V };

async function endEpoch(
  at: Position,
  perEpoch: number,
  { params }: TrainState,
  examiner: Examiner,
  { evaluateEvery }: TrainingSettings,
  { logMetrics }: TrainingHooks,
): Promise<Position> {
  const epoch = at.step / perEpoch;
  const due = evaluateEvery > 0 && epoch % evaluateEvery === 0;
  const seen = due ? await look(examiner, params) : undefined;
  const point: CurvePoint = {
    epoch,
    trainLoss: at.lossSum / perEpoch,
    trainAccuracy: at.accuracySum / perEpoch,
    ...defined({ validationAccuracy: seen?.validationAccuracy, testAccuracy: seen?.testAccuracy }),
  };
  const named = {
    epoch: point.epoch,
    'train/loss': point.trainLoss,
    'train/accuracy': point.trainAccuracy,
    'validation/accuracy': point.validationAccuracy,
    'test/accuracy': point.testAccuracy,
  };
  logMetrics(defined(named), at.step);
  return { ...at, lossSum: 0, accuracySum: 0, curve: [...at.curve, point] };
}

async function finish(
  at: Position,
  { params }: TrainState,
  examiner: Examiner,
  { epochs }: TrainingSettings,
): Promise<{ readonly fixed: NdArrays; readonly result: TrainingResult }> {
  const { fixed, predictions, testAccuracy, validationAccuracy } = await look(examiner, params);
  const metrics = defined({
    'test/accuracy': testAccuracy,
    'validation/accuracy': validationAccuracy,
    'train/accuracy': at.curve.at(-1)?.trainAccuracy ?? NaN,
    'train/loss': at.curve.at(-1)?.trainLoss ?? NaN,
    'step-seconds': median(at.stepSeconds),
    'draw-seconds': median(at.drawSeconds),
    'train/epochs': epochs,
  });
  return { fixed, result: { metrics, curve: at.curve, predictions } };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const prefixed = (prefix: string, arrays: NdArrays): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${prefix}/${name}`, array]));

/** The part of a record under a prefix, without it. */
export const under = (prefix: string, arrays: NdArrays): NdArrays =>
  Object.fromEntries(
    Object.entries(arrays).flatMap(([name, array]) =>
      name.startsWith(`${prefix}/`) ? [[name.slice(prefix.length + 1), array]] : [],
    ),
  );

const packState = ({ params, optimizer }: TrainState): NdArrays => ({
  ...prefixed('params', params),
  ...prefixed('optimizer', optimizer),
});
const unpackState = (arrays: NdArrays): TrainState => ({
  params: under('params', arrays),
  optimizer: under('optimizer', arrays),
});
