/** @file A stack of the Small CNN Zoo's networks in training, as the benchmark times it; a module of its own for worker threads. */
import { cnn, forwardStacked, initialize } from '@weightspace/architecture';
import { adam, compile, ndarray, RandomStream, scalar, sgd, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';

export const [CLASSES, BATCH, STEPS] = [10, 64, 8];
/** Small enough for the caches, and large enough that what a node costs by itself doesn't count. */
export const NETWORKS = 8;
/** 4,970 parameters: three convolutions of 16 channels with stride 2 (28 → 14 → 7 → 4), the mean, a linear layer. */
const network = cnn({
  input: { positions: [28, 28], size: 1 },
  features: [16, 16, 16],
  stride: 2,
  padding: 1,
  outputs: CLASSES,
});

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
type Step = Compiled<[State, Tensor, Tensor, Tensor], { readonly state: State; readonly loss: Tensor }>;

/** Each network trains on images of its own, as in a zoo, where the runs draw their order themselves. */
export function preparedStack(kind: 'sgd' | 'adam', seed: number) {
  const [optimizer, stream] = [kind === 'sgd' ? sgd() : adam(), RandomStream.fromSeed(seed)];
  const update = (state: State, x: Tensor, labels: Tensor, rate: Tensor) => {
    const losses = (p: Tensors) =>
      tf.neg(tf.sum(tf.mul(labels, tf.logSoftmax(forwardStacked(network, p, x)))).div(BATCH)) as tf.Scalar;
    const { value, grads } = valueAndGrads(losses, state.params);
    const next = optimizer.update(grads, state.optimizer, state.params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  const step = compile(update as never, { name: `cnn-step-${kind}`, recycle: true, threads: 1 }) as unknown as Step;
  const params = initialize(network, stream, { count: NETWORKS });
  const images = stream.split('images').normal([NETWORKS, BATCH, 28, 28, 1]);
  let state: { params: NdArrays; optimizer: NdArrays } = { params, optimizer: optimizer.init(params) };
  const run = async () => {
    let loss = NaN;
    for (let i = 0; i < STEPS; i++) {
      const done = await step(state as never, images as never, classesInTurn as never, scalar(RATE) as never);
      state = done.state as never;
      loss = (done.loss as unknown as NdArray).data[0]! / NETWORKS;
    }
    return loss;
  };
  return { run, step };
}

const RATE = 1e-3;
const hot = new Float32Array(NETWORKS * BATCH * CLASSES);
for (let i = 0; i < NETWORKS * BATCH; i++) hot[i * CLASSES + (i % CLASSES)] = 1;
const classesInTurn = ndarray(hot, [NETWORKS, BATCH, CLASSES]);
