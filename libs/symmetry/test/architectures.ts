/** @file Small architectures of every kind of layer that has neurons, with the order of their permutation group by hand. */
import {
  architectureSchema,
  cnn,
  deepSets,
  defineArchitecture,
  mlp,
  resnet,
  rnn,
  siren,
  transformer,
  vit,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

type Layers = readonly { readonly [setting: string]: unknown }[];

const define = (name: string, input: object, layers: Layers): Architecture =>
  defineArchitecture({
    schema: architectureSchema,
    name,
    inputs: [{ name: 'x', ...input }],
    layers,
    output: 'y',
  });

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
/** The product of factorials. */
const orders = (...sizes: readonly number[]): number => sizes.reduce((product, n) => product * factorial(n), 1);

/** x → h → h + W₂ tanh(W₁ h), twice. */
export const residualMlp = define('residual mlp', { size: 3 }, [
  { name: 'stem', kind: 'linear', inputs: ['x'], size: 4 },
  { name: 'in1', kind: 'linear', inputs: ['stem'], size: 5, activation: 'tanh' },
  { name: 'out1', kind: 'linear', inputs: ['in1'], size: 4 },
  { name: 'sum1', kind: 'add', inputs: ['stem', 'out1'] },
  { name: 'in2', kind: 'linear', inputs: ['sum1'], size: 6, activation: 'tanh' },
  { name: 'out2', kind: 'linear', inputs: ['in2'], size: 4 },
  { name: 'sum2', kind: 'add', inputs: ['sum1', 'out2'] },
  { name: 'head', kind: 'linear', inputs: ['sum2'], size: 2, output: 'y' },
]);

const attentionOnly = (settings: object): Architecture =>
  define('attention', { size: 4, positions: [5] }, [
    { name: 'attention', kind: 'attention', inputs: ['x'], output: 'y', ...settings },
  ]);

const grouped = (settings: object): Architecture =>
  define('grouped cnn', { size: 2, positions: [4, 4] }, [
    { name: 'stem', kind: 'conv2d', inputs: ['x'], size: 4, kernel: 3, activation: 'relu' },
    { name: 'grouped', kind: 'conv2d', inputs: ['stem'], size: 6, kernel: 1, activation: 'gelu', ...settings },
    { name: 'pool', kind: 'global-pool', inputs: ['grouped'] },
    { name: 'head', kind: 'linear', inputs: ['pool'], size: 2, output: 'y' },
  ]);

export const depthwiseCnn = define('depthwise cnn', { size: 2, positions: [5, 5] }, [
  { name: 'stem', kind: 'conv2d', inputs: ['x'], size: 4, kernel: 1, activation: 'gelu' },
  { name: 'depth', kind: 'conv2d', inputs: ['stem'], size: 4, kernel: 3, groups: 4, activation: 'gelu' },
  { name: 'point', kind: 'conv2d', inputs: ['depth'], size: 5, kernel: 1, activation: 'gelu' },
  { name: 'pool', kind: 'global-pool', inputs: ['point'] },
  { name: 'head', kind: 'linear', inputs: ['pool'], size: 2, output: 'y' },
]);

const vitOptions = { positions: [4, 4] as const, size: 1, patch: 2, width: 6, heads: 2, hidden: 5, outputs: 3 };

/** Name, architecture, and how many orders of neurons leave the function as it is. */
export const architectures: readonly (readonly [string, Architecture, number])[] = [
  ['an MLP', mlp({ sizes: [3, 5, 4, 2], activation: 'relu' }), orders(5, 4)],
  ['a SIREN', siren({ sizes: [2, 6, 5, 1], omega: 3 }), orders(6, 5)],
  ['a residual MLP: one stream, two branches', residualMlp, orders(4, 5, 6)],
  [
    'attention with 2 heads of 3 for q and k, 2 for v and o',
    attentionOnly({ size: 4, heads: 2, keySize: 3, valueSize: 2 }),
    factorial(3) ** 2 * factorial(2) ** 2 * factorial(2),
  ],
  [
    'attention with 3 heads of 4: (d!)^(2h) h!',
    attentionOnly({ size: 12, heads: 3, fused: true }),
    factorial(4) ** (2 * 3) * factorial(3),
  ],
  [
    'grouped queries: 2 groups of 3 heads of 2',
    attentionOnly({ size: 12, heads: 6, keyHeads: 2 }),
    factorial(2) * factorial(3) ** 2 * factorial(2) ** 2 * factorial(2) ** 2,
  ],
  [
    'multi-query attention: 3 heads, one key',
    attentionOnly({ size: 6, heads: 3, keyHeads: 1 }),
    factorial(3) * factorial(2) * factorial(2),
  ],
  [
    'attention with rotary embeddings, which leave no order of q and k',
    attentionOnly({ size: 8, heads: 2, rotary: 'halves' }),
    factorial(2) * factorial(4) ** 2,
  ],
  [
    'a ViT of depth 2: the stream, and for each block heads and hidden neurons',
    vit({ ...vitOptions, depth: 2 }),
    factorial(6) * (factorial(3) ** 4 * factorial(2) * factorial(5)) ** 2,
  ],
  [
    'a decoder with gated hidden neurons and tied embeddings',
    transformer({
      tokens: 4,
      vocabulary: 7,
      width: 4,
      depth: 1,
      heads: 2,
      hidden: 3,
      gated: true,
      causal: true,
      tied: true,
      outputs: 7,
      pool: 'none',
    }),
    factorial(4) * factorial(2) ** 4 * factorial(2) * factorial(3),
  ],
  ['an LSTM of two layers', rnn({ cell: 'lstm', steps: 3, size: 2, hidden: [5, 4], outputs: 2 }), orders(5, 4)],
  [
    'a GRU in both directions',
    rnn({ cell: 'gru', steps: 3, size: 2, hidden: [4], bidirectional: true, outputs: 2 }),
    orders(4, 4),
  ],
  [
    'a plain RNN on words',
    rnn({ cell: 'rnn', steps: 3, vocabulary: 5, embedding: 3, hidden: [4], outputs: 2 }),
    orders(3, 4),
  ],
  [
    'a CNN with batch norms',
    cnn({ input: { positions: [6, 6], size: 2 }, features: [4, 'max', 5], norm: 'batch-norm', outputs: 3 }),
    orders(4, 5),
  ],
  [
    'a CNN that is flattened',
    cnn({
      input: { positions: [4, 4], size: 2 },
      features: [3, 'average', 4],
      pool: 'flatten',
      hidden: [5],
      outputs: 2,
    }),
    orders(3, 4, 5),
  ],
  ['a depthwise CNN', depthwiseCnn, orders(4, 5)],
  [
    'a grouped convolution: 2 groups of 2 to 3',
    grouped({ groups: 2 }),
    factorial(2) * factorial(2) ** 2 * factorial(3) ** 2,
  ],
  [
    'a ResNet: a space for each stage, and the inside of each block',
    resnet({ blocks: [2, 1], channels: [4, 5], stem: 'cifar', positions: [4, 4], size: 2, outputs: 3 }),
    factorial(4) * factorial(4) ** 2 * factorial(5) * factorial(5),
  ],
  ['deep sets', deepSets({ size: 2, elements: 4, channels: [4, 5], hidden: [3], outputs: 2 }), orders(4, 5, 3)],
];
