/** @file Inner steps of the published task: 8 × 8 Fashion-MNIST, an MLP of 32 neurons, 16 tasks × 2 particles, K = 10. */
import { mapValues, ndarray, RandomStream } from '@weightspace/compute';
import type { Benchmark, NdArrays } from '@weightspace/compute';
import { createOptimizer, createTaskFamily, truncatedStep } from '@weightspace/learned-optimizer';

const [TASKS, LENGTH] = [16, 10];

async function prepared(kind: string, stepsPerCall: number) {
  const stream = RandomStream.fromSeed(0);
  const task = createTaskFamily('image-mlp').sample(stream);
  const optimizer = createOptimizer(kind, task.architecture);
  const settings = { tasks: TASKS, length: LENGTH, horizon: [100, 1000] as const, stepsPerCall, threads: 1 };
  const step = truncatedStep(task, optimizer, settings);
  const meta = copies(optimizer.initialize(stream), 2 * TASKS);
  let state = await step.start(stream, 2);
  let calls = 0;
  return {
    call: async () => {
      const made = await step.run(meta, state, stream.split(calls++));
      ({ state } = made);
      return { loss: made.losses.data[0]! };
    },
    release: () => step.release(),
  };
}

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
  })),
);
