/** @file The compiled halves of training a metanet to classify: one step, and the logits of a batch. */
import { adamW, clipByGlobalNorm, compile, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Optimizer, Tensor, Tensors } from '@weightspace/compute';
import type { Augmentation } from '@weightspace/augmentation';
import type { Metanet } from '@weightspace/metanet';

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

/** Mean cross-entropy in nats against labels of which `smoothing` is spread over all classes. */
export function crossEntropy(logits_bk: Tensor, labels_b: Tensor, smoothing: number): Tensor {
  const classes = logits_bk.shape[1]!;
  const off = smoothing / classes;
  const target_bk = tf.oneHot(labels_b, classes, 1 - smoothing + off, off, 'float32');
  return tf.neg(tf.mean(tf.sum(tf.mul(target_bk, tf.logSoftmax(logits_bk)), 1)));
}

const accuracyOf = (logits_bk: Tensor, labels_b: Tensor): Tensor =>
  tf.mean(tf.cast(tf.equal(tf.argMax(logits_bk, 1), labels_b), 'float32'));

const optimizerOf = ({ weightDecay, amsgrad }: OptimizerSettings): Optimizer => adamW({ weightDecay, amsgrad });

/** One step of AdamW on a batch: augmentation, forward, backward and update in one compiled graph. */
export function compileStep(model: Metanet, augmentation: Augmentation, settings: OptimizerSettings): Step {
  const optimizer = optimizerOf(settings);
  const step = (state: TracedState, fixed: Tensors, batch: TracedBatch, rate: Tensor): TracedResult => {
    const weights = augmentation.apply(model.architecture, batch.weights, batch.draws);
    let logits: Tensor | undefined;
    const { value, grads } = valueAndGrads((params: Tensors) => {
      logits = model.apply(params, fixed, weights, batch.noise);
      return crossEntropy(logits, batch.labels, settings.labelSmoothing) as tf.Scalar;
    }, state.params);
    const clipped = settings.clip > 0 ? clipByGlobalNorm(grads, settings.clip).grads : grads;
    const next = optimizer.update(clipped, state.optimizer, state.params, rate);
    return {
      state: { params: next.params, optimizer: next.state },
      loss: value,
      accuracy: accuracyOf(logits!, batch.labels),
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
