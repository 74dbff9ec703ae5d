/** @file Training steps of stacks of the Small CNN Zoo's network, beside the same networks in PyTorch. */
import { availableParallelism } from 'node:os';

import { cnn, forwardStacked, initialize } from '@weightspace/architecture';
import { adam, compile, ndarray, RandomStream, scalar, sgd, tf, valueAndGrads } from '@weightspace/compute';
import type { Benchmark, Compiled, NdArray, NdArrays, Optimizer, Tensor, Tensors } from '@weightspace/compute';

const [CLASSES, BATCH, STEPS] = [10, 64, 8];
/** Small enough for the caches, and large enough that what a node costs by itself doesn't count. */
const NETWORKS = 8;
/** Stacks that run at the same time, each on a core of its own. */
const STACKS = Math.min(2, availableParallelism());
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
function preparedStack(name: string, optimizer: Optimizer, stream: RandomStream) {
  const update = (state: State, x: Tensor, labels: Tensor, rate: Tensor) => {
    const losses = (p: Tensors) =>
      tf.neg(tf.sum(tf.mul(labels, tf.logSoftmax(forwardStacked(network, p, x)))).div(BATCH)) as tf.Scalar;
    const { value, grads } = valueAndGrads(losses, state.params);
    const next = optimizer.update(grads, state.optimizer, state.params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  const step = compile(update as never, { name, recycle: true, threads: 1 }) as unknown as Step;
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

const torch = (label: string, script: string, optimizer: string, settings: { readonly [name: string]: number }) => ({
  label,
  script,
  args: [
    ...['--optimizer', optimizer, '--batch', String(BATCH)],
    ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ],
});

const benchmark = (kind: 'sgd' | 'adam', optimizer: Optimizer): Benchmark => ({
  name: `cnn-step-${kind}: ${STACKS} stacks of ${NETWORKS} networks, batch ${BATCH}`,
  unit: { name: 'network and step', count: STACKS * NETWORKS * STEPS },
  calls: 9,
  prepare: () => {
    const stacks = Array.from({ length: STACKS }, (_, i) =>
      preparedStack(`cnn-step-${kind}`, optimizer, RandomStream.fromSeed(i)),
    );
    let processor = Infinity;
    return Promise.resolve({
      call: async () => {
        const before = process.cpuUsage();
        const [loss] = await Promise.all(stacks.map(({ run }) => run()));
        const { user, system } = process.cpuUsage(before);
        processor = Math.min(processor, (user + system) / 1e3 / (STACKS * NETWORKS * STEPS));
        return { loss: loss!, 'processor ms': processor };
      },
      facts: () => ({ flops: stacks.reduce((sum, { step }) => sum + step.statistics().flops * STEPS, 0) }),
      release: async () => void (await Promise.all(stacks.map(({ step }) => step.release()))),
    });
  },
  torch: [
    torch('one after the other, 2 threads', 'cnn_sequential.py', kind, { processes: 1, threads: 2 }),
    torch('one after the other, 2 processes', 'cnn_sequential.py', kind, { processes: 2, threads: 1 }),
    torch('grouped, 8 networks, 2 processes', 'cnn_grouped.py', kind, { networks: 8, processes: 2, threads: 1 }),
    torch('grouped, 32 networks, 2 processes', 'cnn_grouped.py', kind, { networks: 32, processes: 2, threads: 1 }),
    torch('grouped, 32 networks, 2 threads', 'cnn_grouped.py', kind, { networks: 32, processes: 1, threads: 2 }),
  ],
});

export const benchmarks: readonly Benchmark[] = [benchmark('sgd', sgd()), benchmark('adam', adam())];
