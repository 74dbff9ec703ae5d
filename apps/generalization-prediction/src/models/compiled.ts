/** @file The compiled functions that learners are made of. */
import { adamW, clipByGlobalNorm, compile, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';

import type { Objective, OptimizerSettings } from './learner.ts';
import { lossOf } from './loss.ts';

/** Of networks, as blocks or packed. */
export type Apply = (params: Tensors, fixed: Tensors, networks: Tensors, noise?: Tensors) => Tensor;

interface TracedState {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
interface TracedBatch {
  readonly networks: Tensors;
  readonly noise: Tensors;
  readonly y: Tensor;
}
export interface Batch {
  readonly networks: NdArrays;
  readonly noise: NdArrays;
  readonly y: NdArray;
}

export const optimizerOf = ({ weightDecay }: OptimizerSettings) => adamW({ weightDecay });

/** What the metanet gives for the networks that there are: packing may have added some. */
const outputsOf = (
  apply: Apply,
  count: number,
  params: Tensors,
  fixed: Tensors,
  networks: Tensors,
  noise?: Tensors,
) => {
  const z = apply(params, fixed, networks, noise);
  return tf.reshape(tf.slice(z, [0, 0], [count, 1]), [count]);
};

const lossAndGrads = (
  apply: Apply,
  { loss, scale }: Objective,
  params: Tensors,
  fixed: Tensors,
  { networks, noise, y }: TracedBatch,
) =>
  valueAndGrads((own: Tensors) => {
    const z = outputsOf(apply, y.shape[0]!, own, fixed, networks, noise);
    return lossOf(loss, scale, z, y) as tf.Scalar;
  }, params);

function updated(grads: Tensors, state: TracedState, rate: Tensor, settings: OptimizerSettings): TracedState {
  const clipped = settings.clip > 0 ? clipByGlobalNorm(grads, settings.clip).grads : grads;
  const next = optimizerOf(settings).update(clipped, state.optimizer, state.params, rate);
  return { params: next.params, optimizer: next.state };
}

export type Step = Compiled<
  [TracedState, Tensors, TracedBatch, Tensor],
  { readonly state: TracedState; readonly loss: Tensor }
>;

/** Forward, backward and AdamW in one graph. */
export const compileStep = (name: string, apply: Apply, objective: Objective, settings: OptimizerSettings): Step =>
  compile(
    ((state: TracedState, fixed: Tensors, batch: TracedBatch, rate: Tensor) => {
      const { value, grads } = lossAndGrads(apply, objective, state.params, fixed, batch);
      return { state: updated(grads, state, rate, settings), loss: value };
    }) as never,
    { name: `${name} step`, recycle: true },
  ) as unknown as Step;

export type Gradients = Compiled<[Tensors, Tensors, TracedBatch], { readonly grads: Tensors; readonly loss: Tensor }>;

/** For steps that see several architectures: their gradients are added up before one update. */
export const compileGradients = (name: string, apply: Apply, objective: Objective): Gradients =>
  compile(
    ((params: Tensors, fixed: Tensors, batch: TracedBatch) => {
      const { value, grads } = lossAndGrads(apply, objective, params, fixed, batch);
      return { grads, loss: value };
    }) as never,
    { name: `${name} gradients` },
  ) as unknown as Gradients;

export type Update = Compiled<[Tensors, TracedState, Tensor], TracedState>;

export const compileUpdate = (name: string, settings: OptimizerSettings): Update =>
  compile(((grads: Tensors, state: TracedState, rate: Tensor) => updated(grads, state, rate, settings)) as never, {
    name: `${name} update`,
    recycle: true,
  }) as unknown as Update;

export type Outputs = Compiled<[Tensors, Tensors, Tensors], Tensor>;

export const compileOutputs = (name: string, apply: Apply): Outputs =>
  compile(((params: Tensors, fixed: Tensors, networks: Tensors) => apply(params, fixed, networks)) as never, {
    name: `${name} outputs`,
  }) as unknown as Outputs;
