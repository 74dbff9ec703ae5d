/** @file Stage 1: networks as arrays, trained by what the networks decoded from them draw. */
import type { Augmentation } from '@weightspace/augmentation';
import { adamW, clipByGlobalNorm, compile, scalar, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { trainLoop } from '@weightspace/experiment';
import type { LoopResult, LoopSettings, Progress, Stage } from '@weightspace/experiment';
import type { Inr2Array } from '@weightspace/metanet';

import { weightsOf } from '../zoo-data.ts';
import type { ZooData } from '../zoo-data.ts';

/** Side of the pictures. */
export const SIDE = 28;
const PICTURE = { rows: SIDE, columns: SIDE };

export interface ReconstructionSettings extends LoopSettings {
  readonly weightDecay: number;
  /** Global norm to which gradients are clipped. */
  readonly clip: number;
  /** Epochs between two looks at the test split. */
  readonly evaluateEvery: number;
}

export interface Hooks {
  readonly log: (metrics: { readonly [name: string]: number }, step: number) => void;
  readonly progress: (total: number, done: number) => Progress;
}

/** A trained model's parameters and fixed values. */
export interface Trained {
  readonly params: NdArrays;
  readonly fixed: NdArrays;
}

/** Plain numbers that a stage leaves. */
export interface StageNumbers {
  readonly metrics: { readonly [name: string]: number };
  readonly curve: LoopResult['curve'];
}

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
interface Batch {
  readonly weights: Tensors;
  readonly draws: Tensors;
  readonly noise: Tensors;
}
type Step = Compiled<[State, Tensors, Batch, Tensor], { readonly state: State; readonly loss: Tensor }>;

/** One step of AdamW on the mean squared error between what networks and their reconstructions draw. */
function compileStep(model: Inr2Array, augmentation: Augmentation, settings: ReconstructionSettings): Step {
  const optimizer = adamW({ weightDecay: settings.weightDecay });
  const step = (state: State, fixed: Tensors, batch: Batch, rate: Tensor) => {
    const weights = augmentation.apply(model.architecture, batch.weights, batch.draws);
    const target = model.render(weights, PICTURE);
    const loss = (p: Tensors) =>
      tf.mean(tf.squaredDifference(model.reconstruct(p, fixed, weights, PICTURE, batch.noise), target)) as tf.Scalar;
    const { value, grads } = valueAndGrads(loss, state.params);
    const clipped = clipByGlobalNorm(grads, settings.clip).grads;
    const next = optimizer.update(clipped, state.optimizer, state.params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  return compile(step as never, { name: 'inr2array step', recycle: true }) as unknown as Step;
}

export async function trainAutoencoder(
  stage: Stage,
  model: Inr2Array,
  augmentation: Augmentation,
  data: ZooData,
  settings: ReconstructionSettings,
  stream: RandomStream,
  hooks: Hooks,
): Promise<{ readonly json: StageNumbers; readonly trained: Trained }> {
  const fixed = model.measure(weightsOf(data, data.train), stream.split('fixed'));
  const step = compileStep(model, augmentation, settings);
  const measure = async (params: NdArrays) =>
    errorsOf(data, await picturesOf(model, data, { params, fixed }, data.test));
  const done = await trainLoop({
    stage,
    settings,
    rows: data.train,
    stream,
    start: () => {
      const params = model.initialize(stream.split('parameters'));
      return { params, optimizer: adamW({}).init(params) };
    },
    step: async (state, rows, own, rate) => {
      const batch = {
        weights: weightsOf(data, rows),
        draws: augmentation.draw(model.architecture, rows.length, own.split('augmentation')),
        noise: model.noise(rows.length, own.split('noise')),
      };
      const result = await step(state as never, fixed as never, batch as never, scalar(rate));
      return { state: result.state as never, metrics: { loss: result.loss.data[0]! } };
    },
    evaluate: async (state, epoch) =>
      epoch % settings.evaluateEvery === 0 || epoch === settings.epochs ? measure(state['params']!) : {},
    ...hooks,
  });
  await step.release();
  const { params } = done.state as { readonly params: NdArrays };
  const metrics = {
    ...(await measure(params)),
    'reconstruction/step-seconds': done.stepSeconds,
    'reconstruction/parameters': model.parameterCount,
  };
  return { json: { metrics, curve: done.curve }, trained: { params, fixed } };
}

/** Pictures of networks, in the networks' own values; shape `[N, SIDE · SIDE]` each. */
export interface Pictures {
  readonly originals: Float32Array;
  readonly reconstructions: Float32Array;
}

const PIXELS = SIDE * SIDE;

/** What some networks draw, and what is drawn by the networks that their arrays are decoded to. */
export async function picturesOf(
  model: Inr2Array,
  data: Pick<ZooData, 'weights'>,
  { params, fixed }: Trained,
  rows: ArrayLike<number>,
): Promise<Pictures> {
  const draw = (p: Tensors, x: Tensors, w: Tensors) => ({
    originals: model.render(w, PICTURE),
    reconstructions: model.reconstruct(p, x, w, PICTURE),
  });
  const [originals, reconstructions] = [new Float32Array(rows.length * PIXELS), new Float32Array(rows.length * PIXELS)];
  await inBatches(draw, { params, fixed }, data, rows, (result, from, count) => {
    originals.set(result['originals']!.data.subarray(0, count * PIXELS), from * PIXELS);
    reconstructions.set(result['reconstructions']!.data.subarray(0, count * PIXELS), from * PIXELS);
  });
  return { originals, reconstructions };
}

/** Arrays of some networks, after random moves where there are any; shape `[N, M, D]`. */
export async function arraysOf(
  model: Inr2Array,
  data: Pick<ZooData, 'weights'>,
  { params, fixed }: Trained,
  rows: ArrayLike<number>,
  augmentation?: Augmentation,
  stream?: RandomStream,
): Promise<NdArray> {
  const [M, D] = model.shape;
  const all = new Float32Array(rows.length * M * D);
  const encode = (p: Tensors, x: Tensors, w: Tensors, draws: Tensors) => ({
    arrays: model.apply(p, x, augmentation ? augmentation.apply(model.architecture, w, draws) : w),
  });
  const draw = (from: number) =>
    augmentation && stream ? augmentation.draw(model.architecture, BATCH, stream.split(from)) : {};
  await inBatches(
    encode,
    { params, fixed },
    data,
    rows,
    (result, from, count) => all.set(result['arrays']!.data.subarray(0, count * M * D), from * M * D),
    draw,
  );
  return { dtype: 'float32', shape: [rows.length, M, D], data: all };
}

const BATCH = 50;

/** A compiled function over batches of one size, so that one graph serves; the last one is filled up. */
async function inBatches(
  f: (params: Tensors, fixed: Tensors, weights: Tensors, draws: Tensors) => Record<string, Tensor>,
  { params, fixed }: Trained,
  data: Pick<ZooData, 'weights'>,
  rows: ArrayLike<number>,
  keep: (result: NdArrays, from: number, count: number) => void,
  draw: (from: number) => NdArrays = () => ({}),
): Promise<void> {
  const compiled = compile(f, { name: 'inr2array' });
  for (let from = 0; from < rows.length; from += BATCH) {
    const members = Array.from({ length: BATCH }, (_, i) => rows[Math.min(from + i, rows.length - 1)]!);
    const weights = weightsOf(data as ZooData, members);
    const result = await compiled(params as never, fixed as never, weights as never, draw(from) as never);
    keep(result as unknown as NdArrays, from, Math.min(BATCH, rows.length - from));
  }
  await compiled.release();
}

/** Mean squared error in grey values from 0 to 1, and what it would be with the mean picture in place of each. */
export function errorsOf({ recipe }: ZooData, { originals, reconstructions }: Pictures): Record<string, number> {
  const [low, high] = recipe.imageRange;
  const count = originals.length / PIXELS;
  const mean = new Float64Array(PIXELS);
  originals.forEach((v, i) => (mean[i % PIXELS]! += v / count));
  let [error, spread] = [0, 0];
  originals.forEach((v, i) => {
    error += (v - reconstructions[i]!) ** 2;
    spread += (v - mean[i % PIXELS]!) ** 2;
  });
  const unit = originals.length * (high - low) ** 2;
  const mse = error / unit;
  return { 'test/mse': mse, 'test/mse-of-mean': spread / unit, 'test/psnr': -10 * Math.log10(mse) };
}
