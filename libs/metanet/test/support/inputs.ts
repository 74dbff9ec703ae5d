/** @file Networks that every kind is tried on, by what they are made of. Sizes differ, so that no transposed axis can hide. */
import { cnn, defineArchitecture, resnet, rnn, vit } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { InputFamily } from '@weightspace/metanet';

import { chain, shallow, tiny } from '../networks.ts';

const linear = (name: string, inputs: string, size: number, activation: string) => ({
  name,
  kind: 'linear',
  inputs: [inputs],
  output: name,
  size,
  activation: { kind: activation },
});

/** A stream that two layers with a bottleneck add to. */
const residual = defineArchitecture({
  schema: 'weightspace-architecture/1',
  name: 'residual MLP',
  inputs: [{ name: 'input', size: 3 }],
  layers: [
    linear('a', 'input', 4, 'tanh'),
    linear('b', 'a', 5, 'tanh'),
    linear('c', 'b', 4, 'identity'),
    { name: 'sum', kind: 'add', inputs: ['a', 'c'], output: 'sum', activation: { kind: 'identity' } },
    linear('y', 'sum', 2, 'identity'),
  ],
  output: 'y',
  outputOffset: 0,
} as never);

export const inputsOf: { readonly [F in InputFamily]: readonly Architecture[] } = {
  mlp: [chain, tiny, shallow],
  cnn: [
    cnn({ input: { positions: [6, 6], size: 2 }, features: [3, 5], outputs: 4 }),
    cnn({ input: { positions: [4, 4], size: 1 }, features: [3, 'max', 4], pool: 'flatten', hidden: [5], outputs: 2 }),
  ],
  residual: [
    residual,
    resnet({ blocks: [1, 1], channels: [3, 5], stem: 'cifar', positions: [4, 4], size: 2, outputs: 4 }),
  ],
  attention: [vit({ positions: [4, 4], patch: 2, width: 6, depth: 1, heads: 2, hidden: 5, outputs: 3 })],
  recurrent: [rnn({ cell: 'gru', steps: 3, size: 2, hidden: [4], outputs: 3 })],
};
