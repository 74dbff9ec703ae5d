/** @file Small networks of each family, with what no two neurons share. */
import { cnn, mlp, resnet, rnn, siren, vit } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { RandomStream, takeRows } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { genericParameters } from '@weightspace/symmetry';

export const stream = (label: string): RandomStream => RandomStream.fromSeed(5).split(label);

export const reluMlp = mlp({ sizes: [3, 8, 7, 2], activation: 'relu' });
export const tanhMlp = mlp({ sizes: [3, 8, 7, 2], activation: 'tanh' });
export const sineMlp = siren({ sizes: [2, 10, 9, 1] });
export const tanhCnn = cnn({ input: { positions: [8, 8], size: 2 }, features: [6, 7], activation: 'tanh', outputs: 3 });
export const flatCnn = cnn({
  input: { positions: [4, 4], size: 2 },
  features: [6, 7],
  norm: 'batch-norm',
  pool: 'flatten',
  hidden: [5],
  outputs: 3,
});
export const smallResnet = resnet({
  blocks: [1, 1],
  channels: [6, 8],
  stem: 'cifar',
  positions: [8, 8],
  size: 2,
  outputs: 3,
});
export const smallVit = vit({
  positions: [4, 4],
  size: 2,
  patch: 2,
  width: 8,
  heads: 2,
  depth: 2,
  hidden: 9,
  outputs: 3,
});

export const lstm = rnn({ cell: 'lstm', steps: 4, size: 3, hidden: [6, 5], outputs: 2 });

export const families: readonly (readonly [string, Architecture])[] = [
  ['ReLU MLP', reluMlp],
  ['tanh MLP', tanhMlp],
  ['SIREN', sineMlp],
  ['tanh CNN', tanhCnn],
  ['CNN with batch norms and a flattening', flatCnn],
  ['ResNet', smallResnet],
  ['ViT', smallVit],
  ['LSTM', lstm],
];

export const stacked = (architecture: Architecture, label: string, count: number): NdArrays =>
  genericParameters(architecture, stream(label), count);

/** One of stacked networks. */
export const networkOf = (architecture: Architecture, params: NdArrays, n: number): NdArrays =>
  Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => [name, { ...takeRows(params[name]!, [n]), shape }]),
  ) as NdArrays;

export const single = (architecture: Architecture, label: string): NdArrays =>
  networkOf(architecture, stacked(architecture, label, 1), 0);

export function distance(a: NdArrays, b: NdArrays): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(a)) data.forEach((x, i) => (sum += (x - b[name]!.data[i]!) ** 2));
  return Math.sqrt(sum);
}

export function norm(a: NdArrays): number {
  let sum = 0;
  for (const { data } of Object.values(a)) for (const x of data) sum += x * x;
  return Math.sqrt(sum);
}
