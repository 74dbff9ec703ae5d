/** @file The compiled halves of training a metanet to classify: one step, and the logits of a batch. */
import { adamW, clipByGlobalNorm, compile, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Optimizer, Tensor, Tensors } from '@weightspace/compute';
import type { Augmentation, Mixup } from '@weightspace/augmentation';
import type { Metanet } from '@weightspace/metanet';

import { changedTargets, changedWeights } from './batches.ts';

export interface OptimizerSettings {
  readonly weightDecay: number;
  /** Divide by the largest second moment so far. */
  readonly amsgrad: boolean;
  /** Global norm to which gradients are clipped; 0 for none. */
  readonly clip: number;
  readonly labelSmoothing: number;
}

export interface TrainState {
  readonly params: NdArrays;
  readonly optimizer: NdArrays;
}

/** What one step sees. */
export interface TrainBatch {
  readonly weights: NdArrays;
  readonly labels: NdArray;
  /** Draws of the mixup; {} without one. */
  readonly mixing: NdArrays;
  readonly draws: NdArrays;
  readonly noise: NdArrays;
}

export interface StepResult {
  readonly state: TrainState;
  readonly loss: NdArray;
  /** Share of the batch that was classified right. */
  readonly accuracy: NdArray;
}

interface TracedState {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
interface TracedBatch {
  readonly weights: Tensors;
  readonly labels: Tensor;
  readonly mixing: Tensors;
  readonly draws: Tensors;
  readonly noise: Tensors;
}
interface TracedResult {
  readonly state: TracedState;
  readonly loss: Tensor;
  readonly accuracy: Tensor;
}

export type Step = Compiled<[TracedState, Tensors, TracedBatch, Tensor], TracedResult>;
export type Logits = Compiled<[Tensors, Tensors, Tensors], Tensor>;

/** Probabilities of the classes: labels of which `smoothing` is spread over all. */
export function smoothTargets(labels_b: Tensor, classes: number, smoothing: number): Tensor {
  const off = smoothing / classes;
  return tf.oneHot(labels_b, classes, 1 - smoothing + off, off, 'float32');
}

/** Mean cross-entropy in nats. */
export const crossEntropy = (logits_bk: Tensor, targets_bk: Tensor): Tensor =>
  tf.neg(tf.mean(tf.sum(tf.mul(targets_bk, tf.logSoftmax(logits_bk)), 1)));

/** Share whose likeliest class is that of the target; of a mixture, that of the network with the larger share. */
const accuracyOf = (logits_bk: Tensor, targets_bk: Tensor): Tensor =>
  tf.mean(tf.cast(tf.equal(tf.argMax(logits_bk, 1), tf.argMax(targets_bk, 1)), 'float32'));

const optimizerOf = ({ weightDecay, amsgrad }: OptimizerSettings): Optimizer => adamW({ weightDecay, amsgrad });

/** One step of AdamW on a batch: mixing, augmentation, forward, backward and update in one compiled graph. */
export function compileStep(
  model: Metanet,
  augmentation: Augmentation,
  settings: OptimizerSettings,
  mixup?: Mixup,
): Step {
  const optimizer = optimizerOf(settings);
  const step = (state: TracedState, fixed: Tensors, batch: TracedBatch, rate: Tensor): TracedResult => {
    const weights = changedWeights(model, augmentation, mixup, batch);
    const own = smoothTargets(batch.labels, model.outputs, settings.labelSmoothing);
    const targets = changedTargets(own, mixup, batch.mixing);
    let logits: Tensor | undefined;
    const { value, grads } = valueAndGrads((params: Tensors) => {
      logits = model.apply(params, fixed, weights, batch.noise);
      return crossEntropy(logits, targets) as tf.Scalar;
    }, state.params);
    const clipped = settings.clip > 0 ? clipByGlobalNorm(grads, settings.clip).grads : grads;
    const next = optimizer.update(clipped, state.optimizer, state.params, rate);
    return {
      state: { params: next.params, optimizer: next.state },
      loss: value,
      accuracy: accuracyOf(logits!, targets),
    };
  };
  return compile(step as never, { name: `${model.kind} step`, recycle: true }) as unknown as Step;
}

export const initialState = (params: NdArrays, settings: OptimizerSettings): TrainState => ({
  params,
  optimizer: optimizerOf(settings).init(params),
});

export const compileLogits = (model: Metanet): Logits =>
  compile(((params: Tensors, fixed: Tensors, weights: Tensors) => model.apply(params, fixed, weights)) as never, {
    name: `${model.kind} logits`,
  }) as unknown as Logits;
