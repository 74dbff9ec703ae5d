/** @file One training step of NG-T and of NG-GNN as published, beside the same in PyTorch. */
import type { Benchmark } from '@weightspace/compute';
import { createMetanet, metanetKind } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

import { CLASSES, crossEntropy, oneHot, preparedStep, SIREN } from './step.ts';

const BATCH = 64;

function prepared(kind: string) {
  const model = createMetanet(kind, SIREN, CLASSES, metanetKind(kind).published!.settings as Settings);
  return preparedStep(model, BATCH, oneHot(BATCH), crossEntropy, true);
}

const torch = (script: string, calls: number) =>
  [2, 1].map((threads) => ({
    label: threads === 1 ? '1 thread' : '2 threads',
    script,
    args: ['--threads', String(threads), '--blas-threads', String(threads), '--calls', String(calls)],
  }));

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'ng-t-step: 4 layers, batch 64, AdamW',
    calls: 7,
    prepare: () => Promise.resolve(prepared('ng-t')),
    torch: torch('ng_t_step.py', 3),
  },
  {
    name: 'ng-gnn-step: 4 layers of 32, batch 64, AdamW',
    calls: 9,
    prepare: () => Promise.resolve(prepared('ng-gnn')),
    torch: torch('ng_gnn_step.py', 5),
  },
];
