import { describe, expect, test } from 'vitest';

import {
  ArchitectureError,
  architectureSchema,
  defineArchitecture,
  layerKinds,
  mlp,
  siren,
} from '@weightspace/architecture';

import { residual, residualSpec, small } from './networks.ts';

describe('siren', () => {
  test('labels every axis with the space that it indexes', () => {
    expect(small.parameters.map(({ name, shape, axes, roles }) => [name, shape, axes, roles])).toEqual([
      ['layer1.weight', [5, 3], ['h1', 'x'], ['out', 'in']],
      ['layer1.bias', [5], ['h1'], ['out']],
      ['layer2.weight', [7, 5], ['h2', 'h1'], ['out', 'in']],
      ['layer2.bias', [7], ['h2'], ['out']],
      ['layer3.weight', [4, 7], ['h3', 'h2'], ['out', 'in']],
      ['layer3.bias', [4], ['h3'], ['out']],
      ['layer4.weight', [2, 4], ['y', 'h3'], ['out', 'in']],
      ['layer4.bias', [2], ['y'], ['out']],
    ]);
    expect(small.parameterCount).toBe(104);
  });
  test('is the published 2-32-32-1 with 1,185 parameters', () => {
    expect(siren({ sizes: [2, 32, 32, 1] }).parameterCount).toBe(1185);
  });
  test('frees the hidden spaces and fixes input and output', () => {
    expect(small.spaces.map(({ name, size, free, activation }) => [name, size, free, activation.kind])).toEqual([
      ['x', 3, false, 'identity'],
      ['h1', 5, true, 'sine'],
      ['h2', 7, true, 'sine'],
      ['h3', 4, true, 'sine'],
      ['y', 2, false, 'identity'],
    ]);
  });
  test('has sign and phase π/ω in hidden spaces only', () => {
    const none = { sign: false, scale: false, phase: undefined };
    const sine = { sign: true, scale: false, phase: Math.PI / 30 };
    expect(small.spaces.map(({ symmetries }) => symmetries)).toEqual([none, sine, sine, sine, none]);
  });
});

describe('mlp', () => {
  test.each([
    ['relu', { sign: false, scale: true, phase: undefined }],
    ['leaky-relu', { sign: false, scale: true, phase: undefined }],
    ['identity', { sign: true, scale: true, phase: undefined }],
    ['tanh', { sign: true, scale: false, phase: undefined }],
    ['gelu', { sign: false, scale: false, phase: undefined }],
    ['silu', { sign: false, scale: false, phase: undefined }],
    ['sigmoid', { sign: false, scale: false, phase: undefined }],
  ] as const)('with %s has the symmetries of it', (activation, symmetries) => {
    expect(mlp({ sizes: [2, 3, 1], activation: activation }).spaces[1]!.symmetries).toEqual(symmetries);
  });
  test('without biases has no phase, since nothing could carry the shift', () => {
    const { spaces, parameters } = mlp({ sizes: [2, 3, 1], activation: 'sine', bias: false });
    expect(spaces[1]!.symmetries).toEqual({ sign: true, scale: false, phase: undefined });
    expect(parameters.map(({ name }) => name)).toEqual(['layer1.weight', 'layer2.weight']);
  });
  test('of two sizes has no hidden space', () => {
    expect(mlp({ sizes: [4, 3] }).spaces.some(({ free }) => free)).toBe(false);
  });
  test.each([
    [[2], 'mlp: sizes must be a list of at least two sizes, got [2]'],
    [[2, 0, 1], 'defineArchitecture: layers[0].size must be a whole number ≥ 1, got 0'],
    [[2.5, 3, 1], 'defineArchitecture: inputs[0].size must be a whole number ≥ 1, got 2.5'],
  ])('refuses sizes %j', (sizes, message) => {
    expect(() => mlp({ sizes })).toThrow(ArchitectureError);
    expect(() => mlp({ sizes })).toThrow(message);
  });
});

describe('defineArchitecture', () => {
  test('unites the spaces of what a residual adds', () => {
    expect(residual.spaces.map(({ name, size, free }) => [name, size, free])).toEqual([
      ['x', 3, false],
      ['h', 6, true],
      ['y', 2, false],
    ]);
    expect(residual.parameters.map(({ axes }) => axes)).toEqual([['h', 'x'], ['h'], ['h', 'h'], ['h'], ['y', 'h']]);
    expect(residual.values.map(({ name, space }) => `${name}:${space}`)).toEqual(['x:x', 'h:h', 'b:h', 's:h', 'y:y']);
  });
  test('keeps the symmetries that all values of a united space have', () => {
    expect(residual.spaces[1]!.symmetries).toEqual({ sign: true, scale: false, phase: undefined });
    const [stem, branch, sum, head] = residualSpec.layers;
    const relu = { ...residualSpec, layers: [stem, { ...branch, activation: 'relu' }, sum, head] };
    expect(defineArchitecture(relu).spaces[1]!.symmetries.sign).toBe(false);
  });
  test('fixes a space that a residual unites with the output', () => {
    const [stem, branch, sum] = residualSpec.layers;
    const spec = { ...residualSpec, layers: [stem, branch, sum], output: 's' };
    expect(defineArchitecture(spec).spaces.map(({ name, free }) => [name, free])).toEqual([
      ['x', false],
      ['h', false],
    ]);
  });
  test('gives the same from its own spec, through JSON', () => {
    for (const architecture of [small, residual]) {
      expect(defineArchitecture(JSON.parse(JSON.stringify(architecture.spec)))).toEqual(architecture);
    }
  });
  test('fills in what is absent', () => {
    const { spec } = defineArchitecture({
      schema: architectureSchema,
      name: 'one',
      inputs: [{ name: 'x', size: 2 }],
      layers: [{ name: 'only', kind: 'linear', inputs: ['x'], size: 1, activation: 'leaky-relu' }],
      output: 'only',
    });
    expect(spec.outputOffset).toBe(0);
    expect(spec.layers[0]).toEqual({
      name: 'only',
      kind: 'linear',
      inputs: ['x'],
      output: 'only',
      size: 1,
      bias: true,
      activation: { kind: 'leaky-relu', slope: 0.01 },
    });
  });
  test('cannot be changed afterwards', () => {
    expect(() => Object.assign(small.spaces[1]!, { free: false })).toThrow(TypeError);
    expect(() => (small.spec.layers as unknown[]).push({})).toThrow(TypeError);
  });
});

describe('signature', () => {
  const sizes = [3, 5, 7, 4, 2];
  test('is the same for the same network under another name', () => {
    expect(siren({ sizes, outputOffset: 0.5, name: 'other' }).signature).toBe(small.signature);
    expect(small.signature).toMatch(/^3-5-7-4-2:[0-9a-f]{16}$/);
  });
  test('differs where sizes, activation, omega, bias or offset do', () => {
    const all = [
      siren({ sizes }),
      siren({ sizes, outputOffset: 0.5 }),
      siren({ sizes, omega: 29 }),
      siren({ sizes: [3, 5, 7, 4, 3] }),
      mlp({ sizes, activation: 'tanh' }),
      mlp({ sizes, activation: 'tanh', bias: false }),
    ];
    expect(new Set(all.map(({ signature }) => signature)).size).toBe(all.length);
  });
});

describe('defineArchitecture refuses', () => {
  const [stem, branch, sum, head] = residualSpec.layers;
  const layers = (...given: unknown[]) => ({ ...residualSpec, layers: given });
  test.each([
    [null, 'the architecture must be a record, got null'],
    [[], 'the architecture must be a record, got []'],
    [
      { ...residualSpec, schema: 'weightspace-architecture/2' },
      'schema must be "weightspace-architecture/1", got "weightspace-architecture/2"; this version reads no other schema',
    ],
    [{ ...residualSpec, schema: undefined }, 'schema must be "weightspace-architecture/1", got nothing'],
    [
      { ...residualSpec, colour: 1 },
      'the architecture must be a record with no other keys than schema, name, inputs, layers, output, outputOffset, got "colour"',
    ],
    [{ ...residualSpec, name: '' }, 'name must be a text that is not empty, got ""'],
    [{ ...residualSpec, inputs: [] }, 'inputs must be a list that is not empty, got []'],
    [
      { ...residualSpec, inputs: [{ name: 'x/1', size: 3 }] },
      "inputs[0].name must be a name of letters, digits, '_' and '-', got \"x/1\"",
    ],
    [{ ...residualSpec, inputs: [{ name: 'x', size: -3 }] }, 'inputs[0].size must be a whole number ≥ 1, got -3'],
    [{ ...residualSpec, outputOffset: NaN }, 'outputOffset must be a finite number, got NaN'],
    [
      { ...residualSpec, output: 'z' },
      'output must be the name of an input or of an earlier layer\'s output (x, h, b, s, y), got "z"',
    ],
    [
      layers({ ...stem, kind: 'convolution' }),
      `layers[0].kind must be one of ${layerKinds().join(', ')}, got "convolution"`,
    ],
    [
      layers({ ...stem, inputs: ['h'] }),
      'layers[0].inputs[0] must be the name of an input or of an earlier layer\'s output (x), got "h"',
    ],
    [layers({ ...stem, size: '6' }), 'layers[0].size must be a whole number ≥ 1, got "6"'],
    [layers({ ...stem, bias: 1 }), 'layers[0].bias must be true or false, got 1'],
    [
      layers({ ...stem, witdh: 6 }),
      'layers[0] must be a record with no other keys than name, kind, inputs, output, activation, tied, size, bias, got "witdh"',
    ],
    [layers({ ...stem, inputs: ['x', 'x'] }), 'layers[0].inputs must be a list of 1 names, got ["x","x"]'],
    [layers({ ...stem, output: 'x' }), 'layers[0].output must be a name that no other value has, got "x"'],
    [layers(stem, { ...branch, name: 'stem' }), 'layers[1].name must be a name that no other layer has, got "stem"'],
    [
      layers({ ...stem, activation: 'cosine' }),
      'layers[0].activation.kind must be one of identity, relu, leaky-relu, tanh, sigmoid, gelu, silu, sine, got "cosine"',
    ],
    [
      layers({ ...stem, activation: { kind: 'sine', omega: 0 } }),
      'layers[0].activation.omega must be a number above 0, got 0',
    ],
    [
      layers({ ...stem, activation: { kind: 'tanh', omega: 3 } }),
      'layers[0].activation must be a record with no other keys than kind, got "omega"',
    ],
    [
      layers({ ...stem, activation: { kind: 'leaky-relu', slope: 1 } }),
      'layers[0].activation.slope must be a number in [0, 1), got 1',
    ],
    [
      layers(stem, branch, { ...sum, inputs: ['h'] }, head),
      'layers[2].inputs must be a list of at least 2 names, got ["h"]',
    ],
    [
      layers(stem, branch, { ...sum, inputs: ['h', 'x'] }, head),
      'layers[2].inputs must be values of one size, got [6,3]',
    ],
  ])('a description that is wrong (%#)', (spec, message) => {
    expect(() => defineArchitecture(spec)).toThrow(ArchitectureError);
    expect(() => defineArchitecture(spec)).toThrow(message);
  });
  test('and says where in fields', () => {
    try {
      defineArchitecture({ ...residualSpec, output: 'z' });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: 'ArchitectureError', fn: 'defineArchitecture', place: 'output' });
    }
  });
});
