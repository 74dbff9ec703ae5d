/** @file One case per layer kind (and per way of using it): its inputs, its settings, and the same in loops. */
import type { InputSpec } from '@weightspace/architecture';

import * as oracle from './layer-oracles.ts';
import type { Oracle } from './layer-oracles.ts';

export interface LayerCase {
  readonly name: string;
  readonly inputs: readonly InputSpec[];
  readonly layer: { readonly kind: string; readonly [setting: string]: unknown };
  readonly oracle: Oracle;
  /** Where a kink may lie near, or an input is whole numbers. */
  readonly gradient?: boolean;
}

const vector = (size: number): InputSpec => ({ name: 'x', size });
const image = (size: number, ...positions: number[]): InputSpec => ({ name: 'x', size, positions });
const more = (name: string, size: number, ...positions: number[]): InputSpec => ({ name, size, positions });

const convolutions: LayerCase[] = [
  { name: 'conv1d', inputs: [image(3, 7)], layer: { kind: 'conv1d', size: 4, kernel: 2 }, oracle: oracle.conv({}) },
  {
    name: 'conv1d with stride, padding and dilation',
    inputs: [image(3, 8)],
    layer: { kind: 'conv1d', size: 2, kernel: 3, strides: 2, padding: 2, dilations: 2, bias: false },
    oracle: oracle.conv({ strides: [2], padding: [2], dilations: [2] }),
  },
  {
    name: 'conv2d',
    inputs: [image(2, 4, 5)],
    layer: { kind: 'conv2d', size: 3, kernel: [3, 2], padding: [1, 0] },
    oracle: oracle.conv({ padding: [1, 0] }),
  },
  {
    name: 'conv2d with stride and dilation on unequal axes',
    inputs: [image(2, 7, 6)],
    layer: { kind: 'conv2d', size: 3, kernel: 2, strides: [2, 1], padding: [0, 1], dilations: [1, 3] },
    oracle: oracle.conv({ strides: [2, 1], padding: [0, 1], dilations: [1, 3] }),
  },
  {
    name: 'grouped conv2d',
    inputs: [image(6, 4, 3)],
    layer: { kind: 'conv2d', size: 4, kernel: 2, groups: 2 },
    oracle: oracle.conv({ groups: 2 }),
  },
  {
    name: 'depthwise conv2d',
    inputs: [image(5, 4, 3)],
    layer: { kind: 'conv2d', size: 5, kernel: 2, groups: 5 },
    oracle: oracle.conv({ groups: 5 }),
  },
  {
    name: 'depthwise conv2d with two outputs each',
    inputs: [image(3, 4, 5)],
    layer: { kind: 'conv2d', size: 6, kernel: 3, groups: 3, padding: 1, bias: false },
    oracle: oracle.conv({ groups: 3, padding: [1, 1] }),
  },
  {
    name: 'conv3d',
    inputs: [image(2, 3, 4, 5)],
    layer: { kind: 'conv3d', size: 3, kernel: [2, 3, 2], padding: [1, 0, 1], strides: [2, 1, 2], dilations: [1, 1, 2] },
    oracle: oracle.conv({ padding: [1, 0, 1], strides: [2, 1, 2], dilations: [1, 1, 2] }),
  },
  {
    name: 'grouped conv3d with dilation in depth',
    inputs: [image(4, 5, 3, 2)],
    layer: { kind: 'conv3d', size: 6, kernel: 2, groups: 2, dilations: [2, 1, 1] },
    oracle: oracle.conv({ groups: 2, dilations: [2, 1, 1] }),
  },
];

const norms: LayerCase[] = [
  {
    name: 'batch-norm',
    inputs: [image(3, 2, 4)],
    layer: { kind: 'batch-norm', epsilon: 0.1 },
    oracle: oracle.batchNorm(0.1),
  },
  {
    name: 'batch-norm without affine, on vectors',
    inputs: [vector(5)],
    layer: { kind: 'batch-norm', affine: false },
    oracle: oracle.batchNorm(1e-5),
  },
  {
    name: 'layer-norm',
    inputs: [image(5, 3)],
    layer: { kind: 'layer-norm', epsilon: 0.1 },
    oracle: oracle.norm(0.1, 'each', oracle.allChannels),
  },
  {
    name: 'layer-norm on vectors',
    inputs: [vector(6)],
    layer: { kind: 'layer-norm', affine: false },
    oracle: oracle.norm(1e-5, 'each', oracle.allChannels),
  },
  {
    name: 'instance-norm',
    inputs: [image(2, 3, 4)],
    layer: { kind: 'instance-norm', affine: true, epsilon: 0.2 },
    oracle: oracle.norm(0.2, 'all', oracle.ownChannel),
  },
  {
    name: 'group-norm',
    inputs: [image(6, 2, 3)],
    layer: { kind: 'group-norm', groups: 2, epsilon: 0.1 },
    oracle: oracle.norm(0.1, 'all', oracle.groupOf(2)),
  },
  { name: 'rms-norm', inputs: [image(4, 3)], layer: { kind: 'rms-norm', epsilon: 0.1 }, oracle: oracle.rmsNorm(0.1) },
];

const heads = { heads: 2, keySize: 2, valueSize: 3 };
const attentions: LayerCase[] = [
  {
    name: 'attention',
    inputs: [image(5, 4)],
    layer: { kind: 'attention', size: 6, ...heads },
    oracle: oracle.attention(heads),
  },
  {
    name: 'attention with q, k and v in one matrix, causal',
    inputs: [image(4, 3)],
    layer: { kind: 'attention', size: 4, heads: 2, fused: true, causal: true },
    oracle: oracle.attention({ heads: 2, keySize: 2, valueSize: 2, causal: true }),
  },
  {
    name: 'attention with grouped queries, without biases',
    inputs: [image(5, 4)],
    layer: { kind: 'attention', size: 8, ...heads, heads: 6, keyHeads: 2, bias: false, outBias: false },
    oracle: oracle.attention({ ...heads, heads: 6, keyHeads: 2 }),
  },
  {
    name: 'attention with one key head, in one matrix',
    inputs: [image(5, 4)],
    layer: { kind: 'attention', size: 7, ...heads, heads: 3, keyHeads: 1, fused: true },
    oracle: oracle.attention({ ...heads, heads: 3, keyHeads: 1 }),
  },
  {
    name: 'attention with rotary halves',
    inputs: [image(5, 4)],
    layer: { kind: 'attention', size: 3, ...heads, keySize: 6, rotary: 'halves', rotaryBase: 100 },
    oracle: oracle.attention({ ...heads, keySize: 6, turn: oracle.rotary(6, 100, false) }),
  },
  {
    name: 'attention with rotary pairs and grouped queries',
    inputs: [image(5, 4)],
    layer: { kind: 'attention', size: 3, ...heads, heads: 4, keyHeads: 2, keySize: 4, rotary: 'pairs' },
    oracle: oracle.attention({ ...heads, heads: 4, keyHeads: 2, keySize: 4, turn: oracle.rotary(4, 10_000, true) }),
  },
  {
    name: 'attention of one value to another',
    inputs: [image(5, 4), more('y', 3, 2)],
    layer: { kind: 'attention', size: 4, heads: 2, keySize: 3, valueSize: 1 },
    oracle: oracle.attention({ heads: 2, keySize: 3, valueSize: 1 }),
  },
  {
    name: 'attention to keys and values of their own',
    inputs: [image(5, 4), more('y', 3, 2), more('z', 6, 2)],
    layer: { kind: 'attention', size: 4, heads: 2 },
    oracle: oracle.attention({ heads: 2, keySize: 2, valueSize: 2 }),
  },
];

const tokens: LayerCase[] = [
  {
    name: 'embedding',
    inputs: [{ name: 'x', size: 1, positions: [4], indices: 7 }],
    layer: { kind: 'embedding', size: 3 },
    oracle:
      ({ weight }, x) =>
      (t, c) =>
        weight!(x(t!, 0), c!),
    gradient: false,
  },
  {
    name: 'embedding of a single thing',
    inputs: [{ name: 'x', size: 1, indices: 5 }],
    layer: { kind: 'embedding', size: 3 },
    oracle:
      ({ weight }, x) =>
      (c) =>
        weight!(x(0), c!),
    gradient: false,
  },
  {
    name: 'position-table',
    inputs: [image(3, 2, 4)],
    layer: { kind: 'position-table' },
    oracle:
      ({ weight }, x) =>
      (i, j, c) =>
        x(i!, j!, c!) + weight!(i!, j!, c!),
  },
  {
    name: 'class-token',
    inputs: [image(3, 4)],
    layer: { kind: 'class-token', tokens: 2 },
    oracle:
      ({ weight }, x) =>
      (t, c) =>
        t! < 2 ? weight!(t!, c!) : x(t! - 2, c!),
  },
  {
    name: 'select-token',
    inputs: [image(3, 4)],
    layer: { kind: 'select-token', index: -2 },
    oracle: (_, x) => (c) => x(2, c!),
  },
  {
    name: 'to-tokens',
    inputs: [image(3, 2, 4)],
    layer: { kind: 'to-tokens' },
    oracle: (_, x) => (t, c) => x(Math.floor(t! / 4), t! % 4, c!),
  },
  {
    name: 'equivariant-linear',
    inputs: [image(3, 4)],
    layer: { kind: 'equivariant-linear', size: 5 },
    oracle: oracle.equivariantLinear,
  },
];

const cells: LayerCase[] = [
  { name: 'rnn', inputs: [image(3, 4)], layer: { kind: 'rnn', size: 5 }, oracle: oracle.recurrent('tanh') },
  {
    name: 'rnn with relu, backwards, without biases',
    inputs: [image(3, 4)],
    layer: { kind: 'rnn', size: 5, nonlinearity: 'relu', reverse: true, bias: false },
    oracle: oracle.recurrent('relu', { reverse: true }),
    gradient: false,
  },
  { name: 'lstm', inputs: [image(3, 4)], layer: { kind: 'lstm', size: 2 }, oracle: oracle.recurrent('lstm') },
  {
    name: 'lstm, last state backwards',
    inputs: [image(3, 4)],
    layer: { kind: 'lstm', size: 2, reverse: true, gives: 'last' },
    oracle: oracle.recurrent('lstm', { reverse: true, last: true }),
  },
  {
    name: 'gru, last state',
    inputs: [image(3, 4)],
    layer: { kind: 'gru', size: 2, gives: 'last' },
    oracle: oracle.recurrent('gru', { last: true }),
  },
];

const moves: LayerCase[] = [
  { name: 'linear', inputs: [vector(3)], layer: { kind: 'linear', size: 4 }, oracle: oracle.linear },
  {
    name: 'linear at every position',
    inputs: [image(3, 2, 5)],
    layer: { kind: 'linear', size: 4, bias: false },
    oracle: oracle.linear,
  },
  {
    name: 'activation',
    inputs: [image(3, 2)],
    layer: { kind: 'activation', activation: 'tanh' },
    oracle: (_, x) => (t, c) => Math.tanh(x(t!, c!)),
  },
  {
    name: 'add',
    inputs: [image(3, 2), more('y', 3, 2)],
    layer: { kind: 'add' },
    oracle: (_, x, y) => (t, c) => x(t!, c!) + y!(t!, c!),
  },
  {
    name: 'partial-add of a narrower value',
    inputs: [image(5, 2), more('y', 3, 2)],
    layer: { kind: 'partial-add' },
    oracle: (_, x, y) => (t, c) => x(t!, c!) + (c! < 3 ? y!(t!, c!) : 0),
  },
  {
    name: 'partial-add of a wider value',
    inputs: [image(3, 2, 4), more('y', 5, 2, 4)],
    layer: { kind: 'partial-add', activation: 'tanh' },
    oracle: (_, x, y) => (i, j, c) => Math.tanh(x(i!, j!, c!) + y!(i!, j!, c!)),
  },
  {
    name: 'multiply',
    inputs: [image(3, 2, 4), more('y', 3), more('z', 3, 2, 4)],
    layer: { kind: 'multiply' },
    oracle: (_, x, y, z) => (i, j, c) => x(i!, j!, c!) * y!(c!) * z!(i!, j!, c!),
  },
  {
    name: 'concat',
    inputs: [image(3, 2), more('y', 4, 2)],
    layer: { kind: 'concat' },
    oracle: (_, x, y) => (t, c) => (c! < 3 ? x(t!, c!) : y!(t!, c! - 3)),
  },
  {
    name: 'flatten',
    inputs: [image(3, 2, 4)],
    layer: { kind: 'flatten' },
    oracle: (_, x) => (f) => x(Math.floor(f! / 4) % 2, f! % 4, Math.floor(f! / 8)),
  },
  {
    name: 'upsample',
    inputs: [image(3, 2, 4)],
    layer: { kind: 'upsample', factors: [3, 2] },
    oracle: (_, x) => (i, j, c) => x(Math.floor(i! / 3), Math.floor(j! / 2), c!),
  },
  ...(['mean', 'sum', 'max'] as const).map((mode): LayerCase => ({
    name: `global-pool by ${mode}`,
    inputs: [image(3, 2, 4)],
    layer: { kind: 'global-pool', mode },
    oracle: (_, x) => (c) => {
      const all = Array.from({ length: 8 }, (__, i) => x(Math.floor(i / 4), i % 4, c!));
      const total = all.reduce((a, b) => a + b, 0);
      return mode === 'max' ? Math.max(...all) : mode === 'sum' ? total : total / 8;
    },
    gradient: mode !== 'max',
  })),
  ...(['max', 'average'] as const).flatMap((mode): LayerCase[] => {
    const of = mode === 'max' ? 'max' : 'mean';
    const gradient = mode !== 'max';
    const kind = `${mode}-pool`;
    return [
      {
        name: `${kind} over one axis`,
        inputs: [image(3, 7)],
        layer: { kind, kernel: [3], strides: 2 },
        oracle: oracle.pool(of, [3], [2], [0]),
        gradient,
      },
      {
        name: `${kind} over two axes`,
        inputs: [image(2, 5, 6)],
        layer: { kind, kernel: [3, 2], strides: [2, 1], padding: [1, 0] },
        oracle: oracle.pool(of, [3, 2], [2, 1], [1, 0]),
        gradient,
      },
      {
        name: `${kind} over three axes`,
        inputs: [image(2, 4, 3, 5)],
        layer: { kind, kernel: [2, 3, 2], strides: [1, 2, 2], padding: [1, 1, 0] },
        oracle: oracle.pool(of, [2, 3, 2], [1, 2, 2], [1, 1, 0]),
        gradient,
      },
    ];
  }),
];

export const layerCases: readonly LayerCase[] = [
  ...moves,
  ...convolutions,
  ...norms,
  ...attentions,
  ...tokens,
  ...cells,
];
