import { describe, expect, test } from 'vitest';

import { initialize, parkCnn } from '@weightspace/architecture';

import { stream } from './networks.ts';

const input = { size: 3, positions: [6, 5] } as const;
const layer = (channels: number, residual?: number) => ({
  channels,
  kernel: 3,
  activation: 'gelu' as const,
  ...(residual === undefined ? {} : { residual }),
});

describe('parkCnn', () => {
  test('has one space for channels that a residual adds, and another for those that only one value has', () => {
    const network = parkCnn({ input, layers: [layer(4), layer(8), layer(16, 0), layer(8), layer(4, 2)] });
    expect(network.parameters.map(({ name, shape }) => `${name} ${shape.join('×')}`)).toEqual([
      'conv1.weight 4×3×3×3',
      'conv1.bias 4',
      'conv2.weight 8×4×3×3',
      'conv2.bias 8',
      'conv3.weight 16×8×3×3',
      'conv3.bias 16',
      'conv4.weight 8×16×3×3',
      'conv4.bias 8',
      'conv5.weight 4×8×3×3',
      'conv5.bias 4',
      'fc.weight 10×4',
      'fc.bias 10',
    ]);
    // The first four channels of conv1, conv3 and conv5 are one space; conv3 has 12 more.
    const free = network.spaces.filter(({ free }) => free).map(({ size }) => size);
    expect(free.toSorted((a, b) => a - b)).toEqual([4, 8, 8, 12]);
    expect(initialize(network, stream('park'), { count: 2 })['conv3.weight']!.shape).toEqual([2, 16, 8, 3, 3]);
  });

  test.each([
    [[], 'parkCnn: layers must be a list of at least one convolution, got []'],
    [[{ ...layer(4), kernel: 4 }], 'parkCnn: layers[0].kernel must be an odd number, got 4'],
    [
      [layer(4), layer(4, 0)],
      'parkCnn: layers[1].residual must be absent: there is no layer before the last one, got 0',
    ],
    [[layer(4), layer(4), layer(4, 1)], 'parkCnn: layers[2].residual must be a whole number from 0 to 0, got 1'],
  ])('refuses %j', (layers, text) => {
    expect(() => parkCnn({ input, layers })).toThrow(text);
  });
});
