/** @file Stage 2: a transformer that reads the class from the arrays. */
import { adamW, clipByGlobalNorm, compile, ndarray, scalar, takeRows, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { trainLoop } from '@weightspace/experiment';
import type { LoopSettings, Stage } from '@weightspace/experiment';
import type { LatentTransformer } from '@weightspace/metanet';

import type { Hooks, StageNumbers } from './autoencoder.ts';

export interface LatentTrainingSettings extends LoopSettings {
  readonly weightDecay: number;
  readonly clip: number;
  /** Whether arrays and labels of two networks are mixed, by a share that is uniform from 0 to 1 (Beta(1, 1)). */
  readonly mixup: boolean;
  readonly evaluateEvery: number;
}

/** Arrays with the class of each. */
export interface LatentData {
  /** `[N, M, D]` */
  readonly arrays: NdArray;
  readonly labels: Int32Array;
}

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
interface Batch {
  readonly arrays: Tensor;
  readonly target: Tensor;
  readonly noise: Tensors;
}
type Step = Compiled<[State, Batch, Tensor], { readonly state: State; readonly loss: Tensor }>;

function compileStep(model: LatentTransformer, settings: LatentTrainingSettings): Step {
  const optimizer = adamW({ weightDecay: settings.weightDecay });
  const step = (state: State, { arrays, target, noise }: Batch, rate: Tensor) => {
    const loss = (p: Tensors) =>
      tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(model.apply(p, arrays, noise))), 1))) as tf.Scalar;
    const { value, grads } = valueAndGrads(loss, state.params);
    const next = optimizer.update(clipByGlobalNorm(grads, settings.clip).grads, state.optimizer, state.params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  return compile(step as never, { name: 'latent-transformer step', recycle: true }) as unknown as Step;
}

/** Arrays and one-hot labels of some rows; mixed with another order of the same rows where that is asked for. */
export function batchOf(
  { arrays, labels }: LatentData,
  rows: Int32Array,
  classes: number,
  mixing?: RandomStream,
): { readonly arrays: NdArray; readonly target: NdArray } {
  const own = takeRows(arrays, rows);
  const target = new Float32Array(rows.length * classes);
  rows.forEach((row, i) => (target[i * classes + labels[row]!] = 1));
  if (!mixing) return { arrays: own, target: ndarray(target, [rows.length, classes]) };
  const order = mixing.split('order').permutation(rows.length);
  const share = mixing.split('share').next();
  const mixed = (values: ArrayLike<number>): Float32Array => {
    const stride = values.length / rows.length;
    return Float32Array.from(values, (v, at) => {
      const other = order[Math.floor(at / stride)]! * stride + (at % stride);
      return share * v + (1 - share) * values[other]!;
    });
  };
  return { arrays: ndarray(mixed(own.data), own.shape), target: ndarray(mixed(target), [rows.length, classes]) };
}

export async function trainLatentClassifier(
  stage: Stage,
  model: LatentTransformer,
  train: LatentData,
  test: LatentData,
  classes: number,
  settings: LatentTrainingSettings,
  stream: RandomStream,
  hooks: Hooks,
): Promise<{ readonly json: StageNumbers & { readonly predictions: readonly number[] }; readonly params: NdArrays }> {
  const step = compileStep(model, settings);
  const measure = async (params: NdArrays) => accuracyOf(await predict(model, params, test.arrays), test.labels);
  const done = await trainLoop({
    stage,
    settings,
    rows: Int32Array.from(train.labels, (_, i) => i),
    stream,
    start: () => {
      const params = model.initialize(stream.split('parameters'));
      return { params, optimizer: adamW({}).init(params) };
    },
    step: async (state, rows, own, rate) => {
      const batch = {
        ...batchOf(train, rows, classes, settings.mixup ? own.split('mixup') : undefined),
        noise: model.noise(rows.length, own.split('noise')),
      };
      const result = await step(state as never, batch as never, scalar(rate));
      return { state: result.state as never, metrics: { loss: result.loss.data[0]! } };
    },
    evaluate: async (state, epoch): Promise<{ readonly [name: string]: number }> =>
      epoch % settings.evaluateEvery === 0 || epoch === settings.epochs
        ? { 'test/accuracy': await measure(state['params']!) }
        : {},
    ...hooks,
  });
  await step.release();
  const { params } = done.state as { readonly params: NdArrays };
  const predictions = await predict(model, params, test.arrays);
  const metrics = {
    'test/accuracy': accuracyOf(predictions, test.labels),
    'step-seconds': done.stepSeconds,
    parameters: model.parameterCount,
  };
  return { json: { metrics, curve: done.curve, predictions }, params };
}

const accuracyOf = (predictions: readonly number[], labels: Int32Array): number =>
  predictions.filter((guess, i) => guess === labels[i]).length / labels.length;

const BATCH = 50;

/** The likeliest class of each array. */
async function predict(model: LatentTransformer, params: NdArrays, arrays: NdArray): Promise<number[]> {
  const logits = compile((p: Tensors, z: Tensor) => model.apply(p, z), { name: 'latent-transformer logits' });
  const [count] = arrays.shape as [number];
  const all: number[] = [];
  for (let from = 0; from < count; from += BATCH) {
    const rows = Int32Array.from({ length: BATCH }, (_, i) => Math.min(from + i, count - 1));
    const { data, shape } = (await logits(params as never, takeRows(arrays, rows))) as unknown as NdArray;
    for (let i = 0; i < Math.min(BATCH, count - from); i++) {
      const row = Array.from(data.subarray(i * shape[1]!, (i + 1) * shape[1]!));
      all.push(row.indexOf(Math.max(...row)));
    }
  }
  await logits.release();
  return all;
}
