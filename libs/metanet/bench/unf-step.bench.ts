/** @file One training step of UNF on weights of SIRENs and of recurrent networks, beside the paper's algorithm in PyTorch. */
import { rnn } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { Benchmark } from '@weightspace/compute';
import { createMetanet } from '@weightspace/metanet';

import { CLASSES, crossEntropy, oneHot, preparedStep, SIREN } from './step.ts';

const BATCH = 64;

/** As the paper has it: every axis permutes, and each pair of tensors has maps of its own. */
const settings = { channels: [64, 64, 64], permutable: 'all', sharing: 'full' };
const RNN = rnn({ cell: 'rnn', steps: 8, size: 2, hidden: [32], outputs: 3 });

const prepared = (architecture: Architecture) =>
  preparedStep(createMetanet('unf', architecture, CLASSES, settings), BATCH, oneHot(BATCH), crossEntropy);

const benchmark = (network: string, architecture: Architecture): Benchmark => ({
  name: `unf-${network}-step: 3 × 64 channels, batch 64, AdamW`,
  calls: 7,
  prepare: () => Promise.resolve(prepared(architecture)),
  torch: [
    { label: '2 threads', script: 'unf_step.py', args: ['--network', network, '--threads', '2'] },
    { label: '1 thread, 2 of its BLAS', script: 'unf_step.py', args: ['--network', network, '--threads', '1'] },
  ],
});

export const benchmarks: readonly Benchmark[] = [benchmark('siren', SIREN), benchmark('rnn', RNN)];
