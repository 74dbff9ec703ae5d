/** @file Bias and spread of the estimators on a bowl whose meta-gradient is known, and what an estimate takes. */
import { ndarray, RandomStream } from '@weightspace/compute';
import type { Benchmark, NdArrays } from '@weightspace/compute';
import { createEstimator, createOptimizer, createTaskFamily, truncatedStep } from '@weightspace/learned-optimizer';

const [TASKS, LENGTH, HORIZON, RATE] = [1000, 5, 20, 0.1];

/** Four estimates, over one training of 1,000 pairs of bowls, of the gradient with respect to the logarithm of the rate. */
function prepared(kind: string) {
  const stream = RandomStream.fromSeed(0);
  const task = createTaskFamily('quadratic', { dimensions: 2, condition: 10, spread: 0 }).sample(stream);
  const optimizer = createOptimizer('learnable-sgd', task.architecture, { rate: RATE });
  const settings = { tasks: TASKS, length: LENGTH, horizon: [HORIZON, HORIZON] as const };
  const step = truncatedStep(task, optimizer, settings);
  const estimator = createEstimator(kind, step);
  const meta = optimizer.initialize(stream);
  return {
    call: async () => {
      const begun = await estimator.start(stream);
      let state: NdArrays =
        kind === 'full-es' ? {} : { ...begun, horizon: ndarray(Array<number>(TASKS).fill(HORIZON), [TASKS]) };
      let [sum, deviation] = [0, 0];
      const count = kind === 'full-es' ? 1 : HORIZON / LENGTH;
      for (let i = 0; i < count; i++) {
        const estimate = await estimator.estimate(meta, state, stream.split(i));
        ({ state } = estimate);
        sum += estimate.gradient['log rate']!.data[0]! / count;
        deviation += estimate.deviation / count;
      }
      return { gradient: sum, exact: exact(), deviationOfATask: deviation };
    },
    release: () => step.release(),
  };
}

/** Of the mean loss of a training. */
function exact(): number {
  let sum = 0;
  for (let t = 0; t < HORIZON; t++) {
    for (const h of [1, 0.1]) sum -= h * h * t * (1 - RATE * h) ** (2 * t - 1) * RATE;
  }
  return sum / HORIZON;
}

export const benchmarks: readonly Benchmark[] = ['pes', 'truncated-es', 'full-es', 'truncated-backpropagation'].map(
  (kind) => ({
    name: `estimate-${kind}: bowls of 2 dimensions, 1,000 tasks, 4 × 5 steps`,
    unit: { name: 'training of all tasks', count: 1 },
    calls: 3,
    prepare: () => Promise.resolve(prepared(kind)),
  }),
);
