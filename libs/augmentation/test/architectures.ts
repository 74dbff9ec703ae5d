/** @file Small networks of each family, with what no two neurons share, and a way to run them. */
import { cnn, forwardStacked, mlp, resnet, siren, vit } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { genericParameters, randomInputs } from '@weightspace/symmetry';

import { stream } from './networks.ts';

export const reluMlp = mlp({ sizes: [3, 6, 5, 2], activation: 'relu' });
export const tanhMlp = mlp({ sizes: [3, 6, 5, 2], activation: 'tanh' });
export const sineMlp = siren({ sizes: [2, 6, 5, 1] });
export const smallCnn = cnn({
  input: { positions: [6, 6], size: 2 },
  features: [4, 5],
  norm: 'batch-norm',
  outputs: 3,
});
export const plainCnn = cnn({
  input: { positions: [6, 6], size: 2 },
  features: [4, 5],
  activation: 'tanh',
  outputs: 3,
});
export const reluCnn = cnn({ input: { positions: [6, 6], size: 2 }, features: [4, 5], hidden: [6], outputs: 3 });
export const smallResnet = resnet({
  blocks: [1, 1],
  channels: [4, 6],
  stem: 'cifar',
  positions: [8, 8],
  size: 2,
  outputs: 3,
});
export const smallVit = vit({
  positions: [4, 4],
  size: 2,
  patch: 2,
  width: 6,
  heads: 2,
  depth: 1,
  hidden: 7,
  outputs: 3,
});

export const families: readonly (readonly [string, Architecture])[] = [
  ['ReLU MLP', reluMlp],
  ['tanh MLP', tanhMlp],
  ['SIREN', sineMlp],
  ['CNN with batch norms', smallCnn],
  ['tanh CNN', plainCnn],
  ['ReLU CNN', reluCnn],
  ['ResNet', smallResnet],
  ['ViT', smallVit],
];

export const generic = (architecture: Architecture, count: number): NdArrays =>
  genericParameters(architecture, stream('generic'), count);

/** Outputs of all networks at random inputs that all share. */
export async function outputs(architecture: Architecture, weights: NdArrays): Promise<NdArray> {
  const x = randomInputs(architecture, stream('inputs'), 12);
  const run = compile((w: Tensors, inputs: Tensors): Tensor => forwardStacked(architecture, w, inputs), {
    device: 'eager',
  });
  try {
    return await run(weights, x);
  } finally {
    await run.release();
  }
}
