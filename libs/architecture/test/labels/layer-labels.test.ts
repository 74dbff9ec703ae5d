import { describe, expect, test } from 'vitest';

import {
  ancestorsOf,
  architectureSchema,
  cnn,
  defineArchitecture,
  instancesOf,
  LabelError,
  mlp,
  resnet,
  segmentsOf,
  spaceOf,
  transformer,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

const define = (input: object, layers: readonly object[]): Architecture =>
  defineArchitecture({
    schema: architectureSchema,
    name: 'labels',
    inputs: [{ name: 'x', ...input }],
    layers,
    output: 'y',
  });
const image = { size: 2, positions: [5, 5] };
const conv = (name: string, from: string, size: number, more: object = {}) => {
  return { name, kind: 'conv2d', inputs: [from], size, kernel: 1, ...more };
};
const end = (from: string) => [
  { name: 'pool', kind: 'global-pool', inputs: [from] },
  { name: 'y', kind: 'linear', inputs: ['pool'], size: 2 },
];

/** Axes of a parameter, written out: `g·o + p`. */
function axes(architecture: Architecture, parameter: string): string[] {
  const { axes: labels } = architecture.parameters.find(({ name }) => name === parameter)!;
  return labels.map((label) =>
    segmentsOf(architecture, label)
      .map((product) => product.join('·'))
      .join(' + '),
  );
}
const free = ({ spaces }: Architecture) =>
  spaces
    .filter((space) => space.free)
    .map(({ name, size, within, symmetries: { sign, scale, phase } }) => {
      const own = `${sign ? '±' : ''}${scale ? 'c' : ''}${phase === undefined ? '' : 'φ'}`;
      return `${name}:${size}${within ? `|${within}` : ''}${own && ` ${own}`}`;
    });

describe('labels', () => {
  test('of a grouped convolution move groups as blocks, in what it reads and writes', () => {
    const a = define(image, [
      conv('a', 'x', 4, { activation: 'relu' }),
      conv('b', 'a', 6, { groups: 2, activation: 'relu' }),
      ...end('b'),
    ]);
    expect(free(a)).toEqual(['b.group:2', 'b.in:2|b.group c', 'b:3|b.group c']);
    expect(axes(a, 'a.weight')).toEqual(['b.group·b.in', 'x', 'a.kernel0', 'a.kernel1']);
    expect(axes(a, 'b.weight').slice(0, 2)).toEqual(['b.group·b', 'b.in']);
    expect(axes(a, 'y.weight')).toEqual(['y', 'b.group·b']);
    expect(instancesOf(a, 'b.in')).toBe(2);
    expect(ancestorsOf(a, 'b.in').map(({ name }) => name)).toEqual(['b.group']);
  });
  test('of a depthwise convolution are those of its channels, whose sign and scale go through', () => {
    const a = define(image, [
      conv('a', 'x', 4),
      conv('b', 'a', 4, { groups: 4, activation: 'relu' }),
      conv('c', 'b', 8, { groups: 4 }),
      ...end('c'),
    ]);
    expect(free(a)).toEqual(['a:4 c', 'c.multiplier:2|a']);
    expect(a.parameters.find(({ name }) => name === 'b.weight')!.roles).toEqual(['index', 'index', 'index', 'index']);
    expect(axes(a, 'c.weight')[0]).toBe('a·c.multiplier');
  });
  test('of batch norms unite what residuals unite, and leave no scale', () => {
    const a = resnet({ blocks: [1, 1], channels: [3, 5], stem: 'cifar', positions: [4, 4], outputs: 2 });
    expect(free(a)).toEqual(['conv1:3', 'layer1_0_conv1:3', 'layer2_0_conv1:5', 'layer2_0_conv2:5']);
    expect(axes(a, 'layer2_0_downsample_1.running_var')).toEqual(['layer2_0_conv2']);
  });
  test('of flattened channels are blocks with a fixed position, with the scale of the channel', () => {
    const a = cnn({ input: image, features: [3], pool: 'flatten', hidden: [4], outputs: 2, activation: 'tanh' });
    expect(free(a)).toEqual(['conv1:3 ±', 'fc1:4 ±']);
    expect(axes(a, 'fc1.weight')).toEqual(['fc1', 'conv1·vector.position']);
  });
  test('of a joined value are one segment for each part, also where it is flattened or split in groups', () => {
    const parts = [conv('a', 'x', 2, { activation: 'sine' }), conv('b', 'x', 4, { activation: 'relu' })];
    const both = { name: 'both', kind: 'concat', inputs: ['a', 'b'] };
    const flat = { name: 'flat', kind: 'flatten', inputs: ['both'] };
    const a = define(image, [...parts, both, flat, { name: 'y', kind: 'linear', inputs: ['flat'], size: 1 }]);
    expect(axes(a, 'y.weight')).toEqual(['y', 'a·flat.position + b·flat.position']);
    expect(free(a)).toEqual(['a:2 ±φ', 'b:4 c']);
    const split = define(image, [
      ...parts,
      both,
      { name: 'n', kind: 'group-norm', inputs: ['both'], groups: 3 },
      ...end('n'),
    ]);
    // The first group is all of a; the two in b may change places.
    expect(free(split)).toEqual(['a:2', 'n.group.1:2', 'n.channel.1:2|n.group.1']);
  });
  test('of phases need one bias, which pooling and flattening leave to them and a maximum does not', () => {
    const of = (kind: string, settings: object) =>
      define(image, [
        conv('a', 'x', 3, { activation: 'sine' }),
        { name: 'p', kind, inputs: ['a'], ...settings },
        { name: 'f', kind: 'flatten', inputs: ['p'] },
        { name: 'y', kind: 'linear', inputs: ['f'], size: 1 },
      ]);
    expect(free(of('average-pool', { kernel: [2, 2] }))).toEqual(['a:3 ±φ']);
    expect(free(of('max-pool', { kernel: [2, 2] }))).toEqual(['a:3']);
  });
  test('of a tied head are those of the embedding, without scale', () => {
    const options = { tokens: 3, vocabulary: 5, width: 4, depth: 0, heads: 2, pool: 'none', outputs: 5 } as const;
    const plain = transformer({ ...options, order: 'post' });
    const tied = transformer({ ...options, order: 'post', tied: true });
    expect(free(plain)).toEqual(['embed:4 ±c']);
    expect(free(tied)).toEqual(['embed:4 ±']);
    expect(tied.parameters.map(({ name }) => name)).toEqual(['embed.weight', 'positions.weight']);
  });
  test('of transposed tied weights unite rows with columns', () => {
    const layers = [
      { name: 'down', kind: 'linear', inputs: ['x'], size: 3, activation: 'relu' },
      { name: 'middle', kind: 'linear', inputs: ['down'], size: 4, activation: 'relu' },
      {
        name: 'up',
        kind: 'linear',
        inputs: ['middle'],
        size: 3,
        activation: 'relu',
        tied: { weight: { parameter: 'middle.weight', transposed: true } },
      },
      { name: 'y', kind: 'linear', inputs: ['up'], size: 2 },
    ];
    const a = define({ size: 2 }, layers);
    expect(free(a)).toEqual(['down:3', 'middle:4']);
    expect(axes(a, 'up.bias')).toEqual(['down']);
  });
  test('refuse names that are not there', () => {
    const a = mlp({ sizes: [2, 3, 1] });
    expect(() => spaceOf(a, 'h9')).toThrow("spaceOf: 'h9' must be one of the spaces x, h1, y");
    expect(() => segmentsOf(a, 'h9')).toThrow(LabelError);
    expect(() => segmentsOf(a, 'h9')).toThrow("segmentsOf: 'h9' must be the name of a space or of a composite");
  });
});
