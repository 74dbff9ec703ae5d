/** @file One training step of NFN-NP as published, beside the same in PyTorch. */
import type { Benchmark } from '@weightspace/compute';
import { createMetanet, metanetKind } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

import { CLASSES, crossEntropy, oneHot, preparedStep, SIREN } from './step.ts';

const BATCH = 64;

function prepared(kind: string) {
  const model = createMetanet(kind, SIREN, CLASSES, metanetKind(kind).published!.settings as Settings);
  return preparedStep(model, BATCH, oneHot(BATCH), crossEntropy);
}

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'nfn-np-step: 3 × 512 channels, batch 64, AdamW',
    calls: 7,
    prepare: () => Promise.resolve(prepared('nfn-np')),
    torch: [
      { label: '2 threads', script: 'nfn_np_step.py', args: ['--threads', '2'] },
      { label: '1 thread, 2 of its BLAS', script: 'nfn_np_step.py', args: ['--threads', '1', '--calls', '3'] },
    ],
  },
  {
    name: 'nfn-hnp-step: 3 × 512 channels, batch 64, AdamW',
    calls: 5,
    prepare: () => Promise.resolve(prepared('nfn-hnp')),
  },
];
