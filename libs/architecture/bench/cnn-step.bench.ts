/** @file Training steps of stacks of the Small CNN Zoo's network, beside the same networks in PyTorch. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import type { Benchmark } from '@weightspace/compute';

import { BATCH, NETWORKS, STEPS } from './cnn-stack.ts';

/** Stacks that run at the same time, each in a worker thread of its own, as bulk training runs them. */
const STACKS = Math.min(2, availableParallelism());

interface Done {
  readonly loss: number;
  readonly flops: number;
}

async function stepsOf(worker: Worker): Promise<Done> {
  worker.postMessage('steps');
  const [done] = (await once(worker, 'message')) as [Done];
  return done;
}

const torch = (label: string, script: string, optimizer: string, settings: { readonly [name: string]: number }) => ({
  label,
  script,
  args: [
    ...['--optimizer', optimizer, '--batch', String(BATCH)],
    ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ],
});

const benchmark = (kind: 'sgd' | 'adam'): Benchmark => ({
  name: `cnn-step-${kind}: ${STACKS} stacks of ${NETWORKS} networks, batch ${BATCH}`,
  unit: { name: 'network and step', count: STACKS * NETWORKS * STEPS },
  calls: 9,
  prepare: () => {
    const file = new URL('./cnn-stack-worker.ts', import.meta.url);
    const workers = Array.from({ length: STACKS }, (_, seed) => new Worker(file, { workerData: { kind, seed } }));
    let processor = Infinity;
    let flops = 0;
    return Promise.resolve({
      call: async () => {
        const before = process.cpuUsage();
        const done = await Promise.all(workers.map(stepsOf));
        const { user, system } = process.cpuUsage(before);
        processor = Math.min(processor, (user + system) / 1e3 / (STACKS * NETWORKS * STEPS));
        flops = done.reduce((sum, own) => sum + own.flops * STEPS, 0);
        return { loss: done[0]!.loss, 'processor ms': processor };
      },
      facts: () => ({ flops }),
      release: async () => {
        for (const worker of workers) worker.postMessage(null);
        await Promise.all(workers.map((worker) => once(worker, 'exit')));
      },
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

export const benchmarks: readonly Benchmark[] = [benchmark('sgd'), benchmark('adam')];
