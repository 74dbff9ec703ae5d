/** @file Training steps as benchmarks time them. */
import { initialize, siren } from '@weightspace/architecture';
import { adamW, compile, mapValues, ndarray, RandomStream, scalar, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import type { WeightFunction } from '@weightspace/metanet';

export const CLASSES = 10;
export const SIREN = siren({ sizes: [2, 32, 32, 1] });

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
interface Batch {
  readonly fixed: Tensors;
  readonly weights: Tensors;
  readonly noise: Tensors;
  readonly target: Tensor;
}
type Step = Compiled<[State, Batch, Tensor], { readonly state: State; readonly loss: Tensor }>;

/**
 * Forward, backward and AdamW of any model, compiled; a call takes one step.
 *
 * @param draws whether masks are drawn anew in each call, where the PyTorch script draws them in each step
 */
export function preparedStep<Result>(
  model: WeightFunction<Result>,
  batch: number,
  target: NdArray,
  lossOf: (result: Result, target: Tensor, weights: Tensors) => Tensor,
  draws = false,
) {
  const optimizer = adamW();
  const update = (state: State, { fixed, weights, noise, target: wanted }: Batch, rate: Tensor) => {
    const loss = (p: Tensors) => lossOf(model.apply(p, fixed, weights, noise), wanted, weights) as tf.Scalar;
    const { value, grads } = valueAndGrads(loss, state.params);
    const next = optimizer.update(grads, state.optimizer, state.params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  const stream = RandomStream.fromSeed(0);
  const weights = initialize(model.architecture, stream, { count: batch });
  const params = model.initialize(stream);
  const given = { weights, fixed: model.measure(weights, stream), noise: model.noise(batch, stream), target };
  const step = compile(update as never, { name: model.kind, recycle: true }) as unknown as Step;
  let state: { params: NdArrays; optimizer: NdArrays } = { params, optimizer: optimizer.init(params) };
  let calls = 0;
  return {
    call: async () => {
      const drawn = draws ? { noise: model.noise(batch, stream.split(calls++)) } : {};
      const done = await step(state, { ...given, ...drawn }, scalar(1e-4));
      state = done.state;
      return { parameters: model.parameterCount };
    },
    facts: () => {
      const { flops, traceSeconds, sessionSeconds } = step.statistics();
      return { flops, buildSeconds: traceSeconds + sessionSeconds };
    },
    release: () => step.release(),
  };
}

/** Classes in turn; shape `[batch, CLASSES]`. */
export function oneHot(batch: number): NdArray {
  const data = new Float32Array(batch * CLASSES);
  for (let i = 0; i < batch; i++) data[i * CLASSES + (i % CLASSES)] = 1;
  return ndarray(data, [batch, CLASSES]);
}

export const crossEntropy = (logits: Tensor, target: Tensor): Tensor =>
  tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1)));

/** Parameters after an edit. */
export const edited = (weights: Tensors, change: Tensors): Record<string, Tensor> =>
  mapValues(weights as Record<string, Tensor>, (w, name) => tf.add(w, change[name]!) as Tensor);
