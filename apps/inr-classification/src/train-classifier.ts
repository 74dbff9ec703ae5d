/** @file Training one metanet on a zoo, from its first step to its predictions on the test split. */
import { cosine, mapValues, scalar, warmUp } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import type { Augmentation } from '@weightspace/augmentation';
import type { Progress, Snapshot, Stage } from '@weightspace/experiment';
import type { Metanet } from '@weightspace/metanet';

import { compileLogits, compileStep, initialState } from './classifier.ts';
import type { Logits, TrainState } from './classifier.ts';
import { labelsOf, weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

export interface TrainingSettings {
  readonly epochs: number;
  readonly batch: number;
  /** Peak of the learning rate: it rises linearly in the first part of the steps, then falls as a cosine. */
  readonly rate: number;
  /** Share of all steps in which the rate rises. */
  readonly warmUp: number;
  readonly weightDecay: number;
  readonly clip: number;
  readonly labelSmoothing: number;
  /** Epochs between two looks at the validation and test splits. */
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
}

const START: Position = { step: 0, lossSum: 0, accuracySum: 0, curve: [], stepSeconds: [] };
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
  const perEpoch = Math.floor(data.train.length / settings.batch);
  if (perEpoch === 0)
    throw new RangeError(
      `trainClassifier: batch must be at most the ${data.train.length} training networks, got ${settings.batch}`,
    );
  const total = perEpoch * settings.epochs;
  const rise = Math.round(settings.warmUp * total);
  const rateAt = warmUp(rise, cosine(settings.rate, Math.max(1, total - rise), settings.rate * 0.01));
  const fixed = model.measure(weightsOf(data, data.train), stream.split('fixed'));
  const [step, logits] = [compileStep(model, augmentation, settings), compileLogits(model)];
  const restored = stage.checkpoint.load<Position>();
  let state = restored
    ? unpackState(restored.arrays)
    : initialState(model, model.initialize(stream.split('parameters')));
  let at = restored?.json ?? START;
  const progress = hooks.progress(total, at.step);
  while (at.step < total) {
    const epoch = Math.floor(at.step / perEpoch);
    const rows = batchRows(data.train, stream, epoch, at.step % perEpoch, settings.batch);
    const started = performance.now();
    const own = stream.split('step').split(at.step);
    const result = await step(
      state as never,
      fixed as never,
      {
        weights: weightsOf(data, rows),
        labels: labelsOf(data, rows),
        draws: augmentation.draw(model.architecture, rows.length, own.split('augmentation')),
        noise: model.noise(rows.length, own.split('noise')),
      } as never,
      scalar(rateAt(at.step)),
    );
    state = result.state as TrainState;
    at = advance(at, value(result.loss), value(result.accuracy), (performance.now() - started) / 1e3);
    hooks.logMetrics({ 'train/step-loss': value(result.loss) }, at.step);
    if (at.step % perEpoch === 0) at = await endEpoch(at, perEpoch, epoch, state, fixed, logits, data, settings, hooks);
    progress.update(
      at.step,
      `loss ${(at.lossSum / Math.max(1, at.step % perEpoch) || at.curve.at(-1)?.trainLoss || 0).toFixed(3)}`,
    );
    const [snapshotState, snapshotAt] = [state, at];
    await stage.safePoint((): Snapshot<Position> => ({ arrays: packState(snapshotState), json: snapshotAt }));
  }
  progress.stop();
  const finished = await finish(at, state, fixed, logits, data, settings);
  const params = mapValues(state.params, copyOf);
  await step.release();
  await logits.release();
  return { json: finished, arrays: { ...prefixed('params', params), ...prefixed('fixed', fixed) } };
}

const value = (array: NdArray): number => array.data[0]!;
const copyOf = (array: NdArray): NdArray => ({ ...array, data: array.data.slice() }) as NdArray;

function advance(at: Position, loss: number, accuracy: number, seconds: number): Position {
  if (!Number.isFinite(loss))
    throw new Error(
      `trainClassifier: the loss became ${loss} at step ${at.step}; lower training.rate or training.clip`,
    );
  return {
    ...at,
    step: at.step + 1,
    lossSum: at.lossSum + loss,
    accuracySum: at.accuracySum + accuracy,
    stepSeconds: [...at.stepSeconds, seconds].slice(-KEPT_TIMES),
  };
}

/** Each epoch sees the training networks in an order of its own. */
function batchRows(train: Int32Array, stream: RandomStream, epoch: number, index: number, batch: number): Int32Array {
  const order = stream.split('order').split(epoch).permutation(train.length);
  return order.subarray(index * batch, (index + 1) * batch).map((i) => train[i]!);
}

async function endEpoch(
  at: Position,
  perEpoch: number,
  epoch: number,
  state: TrainState,
  fixed: NdArrays,
  logits: Logits,
  data: ZooData,
  settings: TrainingSettings,
  { logMetrics }: TrainingHooks,
): Promise<Position> {
  const due = (epoch + 1) % settings.evaluateEvery === 0;
  const point: CurvePoint = {
    epoch: epoch + 1,
    trainLoss: at.lossSum / perEpoch,
    trainAccuracy: at.accuracySum / perEpoch,
    ...(due && data.validation.length > 0
      ? {
          validationAccuracy: accuracy(
            await predict(logits, state.params, fixed, data, data.validation),
            data,
            data.validation,
          ),
        }
      : {}),
    ...(due
      ? { testAccuracy: accuracy(await predict(logits, state.params, fixed, data, data.test), data, data.test) }
      : {}),
  };
  const named = {
    epoch: point.epoch,
    'train/loss': point.trainLoss,
    'train/accuracy': point.trainAccuracy,
    'validation/accuracy': point.validationAccuracy,
    'test/accuracy': point.testAccuracy,
  };
  logMetrics(
    Object.fromEntries(Object.entries(named).filter(([, v]) => v !== undefined)) as Record<string, number>,
    at.step,
  );
  return { ...at, lossSum: 0, accuracySum: 0, curve: [...at.curve, point] };
}

async function finish(
  at: Position,
  state: TrainState,
  fixed: NdArrays,
  logits: Logits,
  data: ZooData,
  settings: TrainingSettings,
): Promise<TrainingResult> {
  const predictions = await predict(logits, state.params, fixed, data, data.test);
  const times = [...at.stepSeconds].sort((a, b) => a - b);
  const validation =
    data.validation.length > 0
      ? accuracy(await predict(logits, state.params, fixed, data, data.validation), data, data.validation)
      : undefined;
  return {
    metrics: {
      'test/accuracy': accuracy(predictions, data, data.test),
      ...(validation === undefined ? {} : { 'validation/accuracy': validation }),
      'train/accuracy': at.curve.at(-1)?.trainAccuracy ?? NaN,
      'train/loss': at.curve.at(-1)?.trainLoss ?? NaN,
      'step-seconds': times[times.length >> 1] ?? NaN,
      'train/epochs': settings.epochs,
    },
    curve: at.curve,
    predictions,
  };
}

const EVALUATION_BATCH = 64;

/** The class of each network, by batches of one size, so that one graph serves; the last one is filled up. */
export async function predict(
  logits: Logits,
  params: NdArrays,
  fixed: NdArrays,
  data: Pick<ZooData, 'weights'>,
  rows: ArrayLike<number>,
): Promise<number[]> {
  const probabilities = await logitsOf(logits, params, fixed, data, rows);
  return probabilities.map((row) => row.indexOf(Math.max(...row)));
}

/** @returns logits of each network */
export async function logitsOf(
  logits: Logits,
  params: NdArrays,
  fixed: NdArrays,
  data: Pick<ZooData, 'weights'>,
  rows: ArrayLike<number>,
): Promise<number[][]> {
  const all: number[][] = [];
  for (let from = 0; from < rows.length; from += EVALUATION_BATCH) {
    const members = Array.from({ length: EVALUATION_BATCH }, (_, i) => rows[Math.min(from + i, rows.length - 1)]!);
    const result = (await logits(
      params as never,
      fixed as never,
      weightsOf(data as ZooData, members) as never,
    )) as NdArray;
    const classes = result.shape[1]!;
    for (let i = 0; i < Math.min(EVALUATION_BATCH, rows.length - from); i++) {
      all.push(Array.from(result.data.subarray(i * classes, (i + 1) * classes)));
    }
  }
  return all;
}

export const accuracy = (predictions: readonly number[], data: ZooData, rows: Int32Array): number =>
  predictions.filter((guess, i) => guess === data.labels[rows[i]!]).length / rows.length;

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
