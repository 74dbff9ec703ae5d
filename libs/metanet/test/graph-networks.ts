/** @file Networks whose graphs have every kind of block: with heads, groups, gates, places, tables and shared weights. */
import { defineArchitecture, deepSets, parkCnn, rnn, vit } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import { inputsOf } from './support/inputs.ts';

/** Layers read the one before them unless they say otherwise. */
const network = (
  name: string,
  input: object,
  layers: readonly { readonly name: string; readonly kind: string; readonly [key: string]: unknown }[],
): Architecture => {
  let before = 'x';
  const chained = layers.map((layer) => {
    const chosen = { inputs: [before], ...layer };
    before = layer.name;
    return chosen;
  });
  return defineArchitecture({
    schema: 'weightspace-architecture/1',
    name,
    inputs: [{ name: 'x', ...input }],
    layers: chained,
    output: before,
  } as never);
};

const grouped = network('grouped convolutions', { size: 2, positions: [8, 8] }, [
  { name: 'a', kind: 'conv2d', size: 6, kernel: [3, 2], activation: 'relu' },
  { name: 'b', kind: 'conv2d', size: 4, kernel: 3, groups: 2, activation: 'relu' },
  { name: 'depth', kind: 'conv2d', size: 4, kernel: 2, groups: 4 },
  { name: 'norm', kind: 'group-norm', groups: 2, activation: 'relu' },
  { name: 'twice', kind: 'conv2d', size: 8, kernel: 2, groups: 4 },
  { name: 'flat', kind: 'flatten' },
  { name: 'y', kind: 'linear', size: 3 },
]);
const skip = network('concatenation', { size: 2, positions: [6] }, [
  { name: 'a', kind: 'conv1d', size: 3, kernel: 3, padding: 1, activation: 'relu' },
  { name: 'b', kind: 'conv1d', size: 2, kernel: 3, padding: 1, activation: 'relu' },
  { name: 'both', kind: 'concat', inputs: ['a', 'b', 'x'] },
  { name: 'c', kind: 'conv1d', size: 2, kernel: 1 },
  { name: 'pool', kind: 'global-pool' },
  { name: 'y', kind: 'linear', size: 2 },
]);
const queries = network('grouped queries', { size: 3, positions: [4] }, [
  { name: 'in', kind: 'linear', size: 4 },
  { name: 'attn', kind: 'attention', size: 4, heads: 4, keyHeads: 2, keySize: 2, valueSize: 3 },
  { name: 'y', kind: 'linear', size: 2 },
]);
const tied = network('language model', { size: 1, positions: [4], indices: 7 }, [
  { name: 'embed', kind: 'embedding', size: 4 },
  { name: 'attn', kind: 'attention', size: 4, heads: 2, causal: true },
  { name: 'sum', kind: 'add', inputs: ['embed', 'attn'] },
  { name: 'norm', kind: 'rms-norm' },
  { name: 'y', kind: 'linear', size: 7, tied: { weight: { parameter: 'embed.weight', transposed: false } } },
]);
const cells = network('cells', { size: 3, positions: [4] }, [
  { name: 'h', kind: 'lstm', size: 3 },
  { name: 'g', kind: 'gru', size: 2 },
  { name: 'r', kind: 'rnn', size: 2, gives: 'last' },
  { name: 'y', kind: 'linear', size: 2 },
]);
const park = parkCnn({
  input: { size: 2, positions: [5, 4] },
  layers: [
    { channels: 3, kernel: 3, activation: 'relu' },
    { channels: 4, kernel: 1, activation: 'tanh' },
    { channels: 5, kernel: 3, activation: 'gelu', residual: 0 },
    { channels: 3, kernel: 1, activation: 'sigmoid', residual: 0 },
  ],
  outputs: 3,
});

export const graphNetworks: { readonly [name: string]: Architecture } = {
  ...Object.fromEntries(Object.values(inputsOf).flatMap((list) => list.map((a, i) => [`${a.name} ${i}`, a]))),
  fused: vit({ positions: [4, 4], patch: 2, width: 4, depth: 1, heads: 2, hidden: 5, fused: true, outputs: 3 }),
  sets: deepSets({ size: 2, elements: 5, channels: [3, 4], outputs: 2 }),
  lstm: rnn({ cell: 'lstm', steps: 3, size: 2, hidden: [4], outputs: 3 }),
  grouped,
  skip,
  queries,
  tied,
  cells,
  park,
};
