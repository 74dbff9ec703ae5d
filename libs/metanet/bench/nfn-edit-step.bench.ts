/** @file One training step of an NFN-NP editor as published, beside the same in PyTorch. */
import { ndarray, tf } from '@weightspace/compute';
import type { Benchmark, NdArray, Tensor, Tensors } from '@weightspace/compute';
import { createEditor, nfnEditing, renderPatches } from '@weightspace/metanet';

import { edited, preparedStep, SIREN } from './step.ts';

const [BATCH, SIDE] = [64, 28];

/** The error of what the changed networks draw. */
function pictureError(change: Tensors, target: Tensor, weights: Tensors): Tensor {
  const changed = edited(weights, change);
  const one = Object.fromEntries(Object.entries(changed).map(([name, w]) => [name, tf.expandDims(w, 1) as Tensor]));
  return tf.mean(tf.squaredDifference(renderPatches(SIREN, one, { rows: SIDE, columns: SIDE }), target));
}

function target(): NdArray {
  const data = Float32Array.from({ length: BATCH * SIDE * SIDE }, (_, i) => (i % 7) / 7);
  return ndarray(data, [BATCH, SIDE * SIDE, 1]);
}

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'nfn-edit-step: NP, 3 × 128 channels, batch 64, AdamW',
    calls: 7,
    prepare: () =>
      Promise.resolve(preparedStep(createEditor('nfn-np', SIREN, nfnEditing), BATCH, target(), pictureError)),
    torch: [
      { label: '2 threads', script: 'nfn_edit_step.py', args: ['--threads', '2'] },
      { label: '1 thread, 2 of its BLAS', script: 'nfn_edit_step.py', args: ['--threads', '1'] },
    ],
  },
];
