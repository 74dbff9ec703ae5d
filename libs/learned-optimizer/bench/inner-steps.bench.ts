/**
 * @file Inner steps of the published task: 8 × 8 Fashion-MNIST, an MLP of 32 neurons, 16 tasks × 2 particles, K = 10; beside PyTorch
 * one network after the other and all at once, where the optimizer is the per-parameter MLP.
 */
import { compile, mapValues, ndarray, RandomStream, tf, valueAndGrads } from '@weightspace/compute';
import type { Benchmark, NdArrays, Tensors, TorchRun } from '@weightspace/compute';
import { createOptimizer, createTaskFamily, truncatedStep } from '@weightspace/learned-optimizer';
import type { LearnedOptimizer, Task } from '@weightspace/learned-optimizer';

const [TASKS, LENGTH] = [16, 10];

async function prepared(kind: string, stepsPerCall: number) {
  const stream = RandomStream.fromSeed(0);
  const task = createTaskFamily('image-mlp').sample(stream);
  const optimizer = createOptimizer(kind, task.architecture);
  const settings = { tasks: TASKS, length: LENGTH, horizon: [100, 1000] as const, stepsPerCall, threads: 1 };
  const step = truncatedStep(task, optimizer, settings);
  const meta = copies(optimizer.initialize(stream), 2 * TASKS);
  let state = await step.start(stream, 2);
  const flops = LENGTH * (await flopsOf(task, optimizer, meta));
  let calls = 0;
  return {
    call: async () => {
      const before = process.cpuUsage();
      const made = await step.run(meta, state, stream.split(calls++));
      ({ state } = made);
      const { user, system } = process.cpuUsage(before);
      return { loss: made.losses.data[0]!, 'processor ms per step': (user + system) / 1e3 / (2 * TASKS * LENGTH) };
    },
    facts: () => ({ flops }),
    release: () => step.release(),
  };
}

/** Of the products of one step of all networks. */
async function flopsOf(task: Task, optimizer: LearnedOptimizer, meta: NdArrays): Promise<number> {
  const stream = RandomStream.fromSeed(1);
  const [params, batch] = [task.initialize(stream, 2 * TASKS), task.batch(stream, 'train', 2 * TASKS)];
  const step = compile(
    (m: Tensors, p: Tensors, data: Tensors) => {
      const { grads } = valueAndGrads((own) => tf.sum(task.loss(own, data)), p);
      return optimizer.update(m, optimizer.start(p), p, grads, { step: tf.zeros([2 * TASKS]) });
    },
    { threads: 1, name: 'one step' },
  );
  await step(meta as never, params as never, batch as never);
  const { flops } = step.statistics();
  await step.release();
  return flops;
}

const torch: readonly TorchRun[] = ['sequential', 'vectorized'].map((mode) => ({
  label: `${mode}, 1 thread`,
  script: 'learned_optimizer_steps.py',
  args: ['--mode', mode, '--networks', String(2 * TASKS), '--steps', String(LENGTH)],
}));

const copies = (meta: NdArrays, count: number): NdArrays =>
  mapValues(meta, ({ data, shape }) => {
    const all = new Float32Array(count * data.length);
    for (let i = 0; i < count; i++) all.set(data as Float32Array, i * data.length);
    return ndarray(all, [count, ...shape]);
  });

export const benchmarks: readonly Benchmark[] = ['learnable-sgd', 'mlp-lopt', 'adafac-mlp-lopt'].flatMap((kind) =>
  [LENGTH, 1].map((stepsPerCall) => ({
    name: `inner-steps-${kind}: 16 × 2 MLPs, batch 128, ${stepsPerCall} steps in a graph, 1 thread`,
    unit: { name: 'inner step of a network', count: 2 * TASKS * LENGTH },
    calls: 20,
    prepare: () => prepared(kind, stepsPerCall),
    ...(kind === 'mlp-lopt' ? { torch } : {}),
  })),
);
