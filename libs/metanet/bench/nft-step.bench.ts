/** @file One training step of NFT as published, beside the same in PyTorch. */
import type { Benchmark } from '@weightspace/compute';
import { createMetanet, metanetKind } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

import { CLASSES, crossEntropy, oneHot, preparedStep, SIREN } from './step.ts';

const BATCH = 16;

function prepared() {
  const settings = metanetKind('nft').published!.settings as Settings;
  return preparedStep(createMetanet('nft', SIREN, CLASSES, settings), BATCH, oneHot(BATCH), crossEntropy);
}

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'nft-step: 6 blocks × 256 channels, batch 16, AdamW',
    calls: 5,
    prepare: () => Promise.resolve(prepared()),
    torch: [
      { label: '2 threads', script: 'nft_step.py', args: ['--threads', '2'] },
      { label: '1 thread, 2 of its BLAS', script: 'nft_step.py', args: ['--threads', '1'] },
    ],
  },
];
