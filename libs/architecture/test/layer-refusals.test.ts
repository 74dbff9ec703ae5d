import { describe, expect, test } from 'vitest';

import {
  ArchitectureError,
  architectureSchema,
  cnn,
  deepSets,
  defineArchitecture,
  resnet,
  rnn,
  transformer,
  vgg,
  vit,
} from '@weightspace/architecture';

const vector = { name: 'x', size: 6 };
const sequence = { name: 'x', size: 6, positions: [4] };
const image = { name: 'x', size: 6, positions: [4, 5] };
const other = (size: number, ...positions: number[]) => ({ name: 'u', size, positions });

const define = (inputs: readonly object[], layer: object, more: readonly object[] = []) =>
  defineArchitecture({
    schema: architectureSchema,
    name: 'refused',
    inputs,
    layers: [...more, { name: 'l', inputs: inputs.map((input) => (input as { name: string }).name), ...layer }],
    output: 'l',
  });

describe('layers refuse', () => {
  test.each<[readonly object[], object, string]>([
    [[image], { kind: 'conv2d', size: 4 }, 'layers[0].kernel must be a whole number ≥ 1, or 2 of them, got nothing'],
    [
      [image],
      { kind: 'conv2d', size: 4, kernel: [3, 3, 3] },
      'layers[0].kernel must be a whole number ≥ 1, or 2 of them, got [3,3,3]',
    ],
    [[sequence], { kind: 'conv1d', size: 4, kernel: 0 }, 'layers[0].kernel must be a whole number ≥ 1, got 0'],
    [
      [image],
      { kind: 'conv2d', size: 4, kernel: 3, padding: -1 },
      'layers[0].padding must be a whole number ≥ 0, or 2 of them, got -1',
    ],
    [
      [sequence],
      { kind: 'conv2d', size: 4, kernel: 3 },
      'layers[0].inputs[0] must be a value with 2 position axes, got [4]',
    ],
    [
      [image],
      { kind: 'conv2d', size: 4, kernel: 5 },
      'layers[0].inputs[0] must be a value of at least 5 positions on axis 0, padding included, got 4',
    ],
    [
      [image],
      { kind: 'conv2d', size: 4, kernel: 1, groups: 4 },
      'layers[0].groups must be a divisor of 6 channels, got 4',
    ],
    [
      [image],
      { kind: 'conv2d', size: 4, kernel: 1, groups: 3 },
      'layers[0].groups must be a divisor of 4 channels, got 3',
    ],
    [[image], { kind: 'max-pool', kernel: 2 }, 'layers[0].kernel must be a list of 1 to 3 whole numbers ≥ 1, got 2'],
    [
      [image],
      { kind: 'average-pool', kernel: [2, 2], padding: 2 },
      'layers[0].padding must be at most half the kernel (2) on axis 0, got 2',
    ],
    [[image], { kind: 'global-pool', mode: 'median' }, 'layers[0].mode must be one of mean, sum, max, got "median"'],
    [[vector], { kind: 'global-pool' }, 'layers[0].inputs[0] must be a value with positions, got []'],
    [
      [image],
      { kind: 'upsample', factors: [2] },
      'layers[0].factors must be a list with one factor for each of 2 position axes, got [2]',
    ],
    [[image], { kind: 'upsample', factors: 2 }, 'layers[0].factors must be a list of whole numbers ≥ 1, got 2'],
    [[image], { kind: 'batch-norm', epsilon: 0 }, 'layers[0].epsilon must be a number above 0, got 0'],
    [[image], { kind: 'group-norm', groups: 4 }, 'layers[0].groups must be a divisor of 6 channels, got 4'],
    [[vector], { kind: 'instance-norm' }, 'layers[0].inputs[0] must be a value with positions, got []'],
    [[image, other(6)], { kind: 'add' }, 'layers[0].inputs must be values of the same positions, got [[4,5],[]]'],
    [
      [image, other(4, 5)],
      { kind: 'partial-add' },
      'layers[0].inputs must be values of the same positions, got [[4,5],[5]]',
    ],
    [
      [image, other(6, 5)],
      { kind: 'concat' },
      'layers[0].inputs must be values of the same positions, got [[4,5],[5]]',
    ],
    [
      [image, other(6, 5)],
      { kind: 'multiply' },
      'layers[0].inputs must be values of one size, with the positions of the first or none, got [[4,5,6],[5,6]]',
    ],
    [[vector], { kind: 'embedding', size: 3 }, 'layers[0].inputs[0] must be an input with indices, got "x"'],
    [[vector], { kind: 'position-table' }, 'layers[0].inputs[0] must be a value with positions, got []'],
    [[image], { kind: 'class-token' }, 'layers[0].inputs[0] must be a value with tokens, got [4,5]'],
    [[image], { kind: 'select-token' }, 'layers[0].inputs[0] must be a value with tokens, got [4,5]'],
    [[sequence], { kind: 'select-token', index: 4 }, 'layers[0].index must be one of 4 tokens, got 4'],
    [[sequence], { kind: 'select-token', index: 0.5 }, 'layers[0].index must be a whole number, got 0.5'],
    [
      [image],
      { kind: 'equivariant-linear', size: 3 },
      'layers[0].inputs[0] must be a value with one position axis, for the elements of a set, got [4,5]',
    ],
    [
      [image],
      { kind: 'lstm', size: 3 },
      'layers[0].inputs[0] must be a value with one position axis, for the steps of a sequence, got [4,5]',
    ],
    [[sequence], { kind: 'rnn', size: 3, nonlinearity: 'gelu' }, 'layers[0].nonlinearity must be one of tanh, relu'],
    [[sequence], { kind: 'gru', size: 3, gives: 'all' }, 'layers[0].gives must be one of sequence, last, got "all"'],
    [
      [image],
      { kind: 'attention', size: 6, heads: 2 },
      'layers[0].inputs[0] must be a value with one position axis, for tokens, got [4,5]',
    ],
    [
      [sequence],
      { kind: 'attention', size: 6, heads: 4 },
      'layers[0].heads must be a divisor of size 6, got 4; or give keySize and valueSize',
    ],
    [
      [sequence],
      { kind: 'attention', size: 6, heads: 6, keyHeads: 4 },
      'layers[0].keyHeads must be a divisor of 6 heads, got 4',
    ],
    [
      [sequence],
      { kind: 'attention', size: 6, heads: 2, rotary: 'pairs' },
      'layers[0].keySize must be an even number with rotary embeddings, got 3',
    ],
    [
      [sequence, other(6, 3)],
      { kind: 'attention', size: 6, heads: 2, causal: true },
      'layers[0].inputs[1] must be a value with the 4 tokens of the queries, as causal needs, got 3',
    ],
    [
      [sequence, other(6, 4)],
      { kind: 'attention', size: 6, heads: 2, fused: true },
      'layers[0].inputs must be one name, as fused needs, got ["x","u"]',
    ],
    [
      [{ name: 'x', size: 2, indices: 3 }],
      { kind: 'flatten' },
      'inputs[0].size must be 1 where the values are indices',
    ],
    [
      [{ name: 'x', size: 2, positions: [0] }],
      { kind: 'flatten' },
      'inputs[0].positions[0] must be a whole number ≥ 1',
    ],
  ])('what does not fit (%#)', (inputs, layer, message) => {
    expect(() => define(inputs, layer)).toThrow(ArchitectureError);
    expect(() => define(inputs, layer)).toThrow(`defineArchitecture: ${message}`);
  });
  test.each([
    [{ weigth: 'a.weight' }, 'layers[1].tied must be a record with no other keys than weight, bias, got "weigth"'],
    [
      { weight: 'b.weight' },
      'layers[1].tied.weight.parameter must be a parameter of an earlier layer (a.weight, a.bias), got "b.weight"',
    ],
    [{ bias: 'a.weight' }, 'layers[1].tied.bias must be a parameter of shape [3], got [5,6]'],
    [
      { weight: { parameter: 'a.weight', transpose: true } },
      'layers[1].tied.weight must be a record with no other keys than parameter, transposed, got "transpose"',
    ],
  ])('parameters that cannot be shared (%#)', (tied, message) => {
    const before = { name: 'a', kind: 'linear', inputs: ['x'], size: 5 };
    const call = () => define([vector], { kind: 'linear', size: 3, tied }, [before]);
    expect(call).toThrow(ArchitectureError);
    expect(call).toThrow(message);
  });
});

describe('builders refuse', () => {
  const block = { width: 4, depth: 1, heads: 2, outputs: 3 };
  test.each([
    [
      () => cnn({ input: { positions: [4], size: 1 }, features: ['max'], outputs: 2 }),
      'cnn: features must be a list with channels of at least one convolution, got ["max"]',
    ],
    [
      () => cnn({ input: { positions: [4], size: 1 }, features: [2, 'max', 3], stride: [2], outputs: 2 }),
      'cnn: stride must be a number, or one for each of 2 convolutions, got [2]',
    ],
    [() => vgg({ depth: 12 as 11 }), 'vgg: depth must be one of 11, 13, 16, 19, got 12'],
    [
      () => resnet({ blocks: [1, 1], channels: [4] }),
      'resnet: channels must be a list of 2 sizes, one for each stage, got [4]',
    ],
    [
      () => transformer({ ...block, tokens: 3, size: 2, vocabulary: 3 }),
      'transformer: vocabulary and size must be one of both, got {"vocabulary":3,"size":2}',
    ],
    [
      () => transformer({ ...block, tokens: 3, vocabulary: 5, tied: true }),
      'transformer: outputs must be the 5 words, to be tied, got 3',
    ],
    [
      () => vit({ ...block, positions: [4, 6], patch: 4 }),
      'vit: positions must be multiples of the patch 4, got [4,6]',
    ],
    [
      () => rnn({ cell: 'gru', steps: 3, hidden: [4], outputs: 1 }),
      'rnn: vocabulary and size must be one of both, got {}',
    ],
    [
      () => rnn({ cell: 'gru', steps: 3, size: 2, hidden: [], outputs: 1 }),
      'rnn: hidden must be a list of at least one size, got []',
    ],
    [
      () => rnn({ cell: 'gru', nonlinearity: 'relu', steps: 3, size: 2, hidden: [4], outputs: 1 }),
      'rnn: nonlinearity must be nothing, since the gates of a gru have their own, got "relu"',
    ],
    [
      () => deepSets({ size: 2, elements: 3, channels: [], outputs: 1 }),
      'deepSets: channels must be a list of at least one size, got []',
    ],
  ])('what does not fit (%#)', (call, message) => {
    expect(call).toThrow(ArchitectureError);
    expect(call).toThrow(message);
  });
});
