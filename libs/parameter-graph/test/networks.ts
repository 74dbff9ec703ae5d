/** @file Networks to make graphs of. */
import { defineArchitecture, initialize, parkCnn } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

interface InputJson {
  readonly name: string;
  readonly size: number;
  readonly positions?: readonly number[];
  readonly indices?: number;
}

/** Layers read the one before them unless they say otherwise. */
export function network(
  name: string,
  inputs: readonly InputJson[],
  layers: readonly { readonly name: string; readonly kind: string; readonly [key: string]: unknown }[],
): Architecture {
  let before = inputs[0]!.name;
  const chained = layers.map((layer) => {
    const chosen = { inputs: [before], ...layer };
    before = layer.name;
    return chosen;
  });
  return defineArchitecture({ schema: 'weightspace-architecture/1', name, inputs, layers: chained, output: before });
}

/** One network with random weights. */
export function weightsOf(architecture: Architecture, seed = 1): NdArrays {
  const stack = initialize(architecture, RandomStream.fromSeed(seed), { count: 1 });
  const noise = RandomStream.fromSeed(seed + 1000);
  const draw = (size: number) => Float32Array.from({ length: size }, () => noise.next() - 0.5);
  return Object.fromEntries(
    Object.entries(stack).map(([key, { data, shape }]) => {
      // Biases, norms and statistics start equal for all neurons, which would hide a wrong order.
      const equal = data.every((value) => value === data[0]);
      return [key, ndarray(equal ? draw(data.length) : (data as Float32Array), shape.slice(1))];
    }),
  );
}

const image = (channels: number, size = 32): InputJson => ({ name: 'x', size: channels, positions: [size, size] });

/** The CNNs of Unterthiner et al. 2020. */
export const zooCnn = (): Architecture =>
  network(
    'zoo CNN',
    [image(1)],
    [
      { name: 'conv1', kind: 'conv2d', size: 16, kernel: 3, activation: 'relu' },
      { name: 'conv2', kind: 'conv2d', size: 16, kernel: 3, activation: 'relu' },
      { name: 'conv3', kind: 'conv2d', size: 16, kernel: 3, activation: 'relu' },
      { name: 'pool', kind: 'global-pool' },
      { name: 'fc', kind: 'linear', size: 10 },
    ],
  );

/** Two convolutions with batch norm and two linear layers: a default of the public code of Lim et al. 2024. */
export const batchNormCnn = (): Architecture =>
  network(
    'CNN with batch norm',
    [image(3)],
    [
      { name: 'conv1', kind: 'conv2d', size: 32, kernel: 3 },
      { name: 'bn1', kind: 'batch-norm', activation: 'relu' },
      { name: 'conv2', kind: 'conv2d', size: 32, kernel: 3 },
      { name: 'bn2', kind: 'batch-norm', activation: 'relu' },
      { name: 'pool', kind: 'global-pool' },
      { name: 'fc1', kind: 'linear', size: 32, activation: 'relu' },
      { name: 'fc2', kind: 'linear', size: 10 },
    ],
  );

const block = (name: string, input: string, size: number, shortcut: boolean) => [
  { name: `${name}_conv1`, kind: 'conv2d', inputs: [input], size, kernel: 3, padding: 1, bias: false },
  { name: `${name}_bn1`, kind: 'batch-norm', activation: 'relu' },
  { name: `${name}_conv2`, kind: 'conv2d', size, kernel: 3, padding: 1, bias: false },
  { name: `${name}_bn2`, kind: 'batch-norm' },
  ...(shortcut
    ? [
        { name: `${name}_short`, kind: 'conv2d', inputs: [input], size, kernel: 1, bias: false },
        { name: `${name}_short_bn`, kind: 'batch-norm' },
      ]
    : []),
  { name, kind: 'add', inputs: [shortcut ? `${name}_short_bn` : input, `${name}_bn2`], activation: 'relu' },
];

/** Two basic blocks, the first with a 1 × 1 shortcut: a default of the public code of Lim et al. 2024. */
export const resNet = (channels = 32): Architecture =>
  network(
    'ResNet',
    [image(3)],
    [
      { name: 'stem', kind: 'conv2d', size: channels / 2, kernel: 5 },
      { name: 'stem_bn', kind: 'batch-norm', activation: 'relu' },
      ...block('block1', 'stem_bn', channels, true),
      ...block('block2', 'block1', channels, false),
      { name: 'pool', kind: 'global-pool' },
      { name: 'fc', kind: 'linear', size: 10 },
    ],
  );

const encoder = (name: string, size: number, heads: number, more: object = {}) => [
  { name: `${name}_ln1`, kind: 'layer-norm' },
  { name: `${name}_attn`, kind: 'attention', size, heads, ...more },
  { name: `${name}_mid`, kind: 'add', inputs: [`${name}_ln1`, `${name}_attn`] },
  { name: `${name}_ln2`, kind: 'layer-norm' },
  { name: `${name}_up`, kind: 'linear', size: 4 * size, activation: 'gelu' },
  { name: `${name}_down`, kind: 'linear', size },
  { name, kind: 'add', inputs: [`${name}_ln2`, `${name}_down`] },
];

/** Two encoder blocks as the public code of Lim et al. 2024 has them: norms in the stream, no class token, no position table. */
export const vit = (size = 64, heads = 2, layers = 2): Architecture =>
  network(
    'ViT',
    [image(3)],
    [
      { name: 'patch', kind: 'conv2d', size, kernel: 4, strides: 4 },
      { name: 'tokens', kind: 'to-tokens' },
      ...Array.from({ length: layers }, (_, i) => encoder(`block${i + 1}`, size, heads)).flat(),
      { name: 'pool', kind: 'global-pool' },
      { name: 'head', kind: 'linear', size: 10 },
    ],
  );

/** Small networks with every layer kind that has parameters, by what they show. */
export const smallNetworks = (): { readonly [name: string]: Architecture } => ({
  mlp: network(
    'mlp',
    [{ name: 'x', size: 2 }],
    [
      { name: 'a', kind: 'linear', size: 3, activation: 'relu' },
      { name: 'b', kind: 'linear', size: 4, bias: false, activation: 'tanh' },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  residual: network(
    'residual',
    [{ name: 'x', size: 2 }],
    [
      { name: 'a', kind: 'linear', size: 3, activation: 'tanh' },
      { name: 'b', kind: 'linear', size: 3 },
      { name: 'sum', kind: 'add', inputs: ['a', 'b'] },
      { name: 'norm', kind: 'layer-norm', inputs: ['sum'] },
      { name: 'c', kind: 'linear', size: 3, activation: 'tanh' },
      { name: 'sum2', kind: 'add', inputs: ['sum', 'c'] },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  resnet: resNet(4),
  park: parkCnn({
    input: { size: 2, positions: [5, 4] },
    layers: [
      { channels: 2, kernel: 3, activation: 'relu' },
      { channels: 3, kernel: 1, activation: 'tanh' },
      { channels: 4, kernel: 3, activation: 'gelu', residual: 0 },
      { channels: 3, kernel: 3, activation: 'identity', residual: 0 },
      { channels: 2, kernel: 1, activation: 'sigmoid', residual: 2 },
    ],
    outputs: 3,
  }),
  groups: network(
    'grouped',
    [image(2, 8)],
    [
      { name: 'a', kind: 'conv2d', size: 6, kernel: [3, 2], activation: 'relu' },
      { name: 'b', kind: 'conv2d', size: 4, kernel: 3, groups: 2, activation: 'relu' },
      { name: 'depth', kind: 'conv2d', size: 4, kernel: 2, groups: 4 },
      { name: 'norm', kind: 'group-norm', groups: 2, activation: 'relu' },
      { name: 'twice', kind: 'conv2d', size: 8, kernel: 2, groups: 4 },
      { name: 'flat', kind: 'flatten' },
      { name: 'y', kind: 'linear', size: 3 },
    ],
  ),
  skip: network(
    'skip',
    [{ name: 'x', size: 2, positions: [6] }],
    [
      { name: 'a', kind: 'conv1d', size: 3, kernel: 3, padding: 1, activation: 'relu' },
      { name: 'b', kind: 'conv1d', size: 2, kernel: 3, padding: 1, activation: 'relu' },
      { name: 'both', kind: 'concat', inputs: ['a', 'b', 'x'] },
      { name: 'c', kind: 'conv1d', size: 2, kernel: 1 },
      { name: 'pool', kind: 'global-pool' },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  vit: network(
    'vit',
    [image(1, 8)],
    [
      { name: 'patch', kind: 'conv2d', size: 4, kernel: 4, strides: 4 },
      { name: 'tokens', kind: 'to-tokens' },
      { name: 'class', kind: 'class-token' },
      { name: 'places', kind: 'position-table' },
      { name: 'ln', kind: 'layer-norm' },
      { name: 'attn', kind: 'attention', size: 4, heads: 2, fused: true },
      { name: 'sum', kind: 'add', inputs: ['places', 'attn'] },
      { name: 'first', kind: 'select-token' },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  grouped_queries: network(
    'grouped queries',
    [{ name: 'x', size: 3, positions: [4] }],
    [
      { name: 'in', kind: 'linear', size: 4 },
      { name: 'attn', kind: 'attention', size: 4, heads: 4, keyHeads: 2, keySize: 2, valueSize: 3 },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  lstm: network(
    'lstm',
    [{ name: 'x', size: 3, positions: [4] }],
    [
      { name: 'h', kind: 'lstm', size: 3 },
      { name: 'g', kind: 'gru', size: 2 },
      { name: 'r', kind: 'rnn', size: 2, gives: 'last' },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  sets: network(
    'sets',
    [{ name: 'x', size: 2, positions: [5] }],
    [
      { name: 'a', kind: 'equivariant-linear', size: 3, activation: 'relu' },
      { name: 'b', kind: 'equivariant-linear', size: 4, activation: 'relu' },
      { name: 'pool', kind: 'global-pool' },
      { name: 'y', kind: 'linear', size: 2 },
    ],
  ),
  tied: network(
    'language model',
    [{ name: 'words', size: 1, positions: [4], indices: 7 }],
    [
      { name: 'embed', kind: 'embedding', size: 4 },
      { name: 'attn', kind: 'attention', size: 4, heads: 2, causal: true },
      { name: 'sum', kind: 'add', inputs: ['embed', 'attn'] },
      { name: 'norm', kind: 'rms-norm' },
      { name: 'y', kind: 'linear', size: 7, tied: { weight: { parameter: 'embed.weight', transposed: false } } },
    ],
  ),
});
