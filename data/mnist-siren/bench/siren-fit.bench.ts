/** @file Bulk fitting of SIRENs on all cores, beside the same batched fit in PyTorch. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import type { Benchmark } from '@weightspace/compute';
import { mnistFolder } from '@weightspace/dataset';
import { mnistSirens } from '@weightspace/data-mnist-siren';
import { fitTask } from '@weightspace/siren-zoo';
import type { FitInput } from '@weightspace/siren-zoo';
import { dwsRecipe, workerExecutor } from '@weightspace/zoo';
import type { ZooRows } from '@weightspace/zoo';

const COUNT = 64;
const WORKERS = Math.min(2, availableParallelism());
const images = join(mnistFolder(), 'train-images-idx3-ubyte');
const { steps, rate, warmUp, floor, beta1, beta2 } = dwsRecipe;
/** PyTorch's settings are the recipe's own, so that both sides do the same work and end with the same PSNR. */
const torch = (label: string, threads: number, processes: number, group: number) => ({
  label,
  script: 'siren_fit.py',
  args: Object.entries({
    ...{ images, count: COUNT, threads, processes, group },
    ...{ steps, rate, 'warm-up': warmUp, floor, beta1, beta2 },
  }).flatMap(([name, value]) => [`--${name}`, String(value)]),
});

/** The first digits of MNIST, one part per worker. */
const parts: readonly FitInput[] = Array.from({ length: WORKERS }, (_, worker) => ({
  zoo: mnistSirens,
  recipe: dwsRecipe,
  seed: 0,
  members: Array.from({ length: COUNT / WORKERS }, (_, i) => ({
    part: 'train',
    image: (worker * COUNT) / WORKERS + i,
    split: 0,
  })),
}));

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

export const benchmarks: readonly Benchmark[] = [
  {
    name: `siren-fit: ${COUNT} digits, DWS recipe, ${steps.toLocaleString('en')} steps`,
    unit: { name: 'SIREN and step', count: COUNT * dwsRecipe.steps },
    calls: 3,
    prepare: () => {
      const executor = workerExecutor(WORKERS);
      const fit = (input: FitInput) => executor.run({ ...fitTask, input }) as Promise<ZooRows>;
      return Promise.resolve({
        call: async () => {
          const done = await Promise.all(parts.map(fit));
          return { psnr: median(done.flatMap((rows) => [...rows.fit['psnr']!.data])) };
        },
        release: () => executor.close(),
      });
    },
    torch: [
      torch('1 process, 2 threads, groups of 64', 2, 1, 64),
      torch('2 processes, 1 thread each, groups of 32', 1, 2, 32),
      torch('2 processes, 1 thread each, groups of 8', 1, 2, 8),
    ],
  },
];
