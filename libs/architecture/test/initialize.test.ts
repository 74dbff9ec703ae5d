import { ndarray, rows, sameBits, takeRows } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  ArchitectureError,
  cnn,
  defineArchitecture,
  initializations,
  initialize,
  mlp,
  registerInitialization,
  registerLayerKind,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import { residualSpec, small, stream } from './networks.ts';

const many = (architecture: Architecture, init: string): NdArrays =>
  initialize(architecture, stream('many'), { count: 400, init });
const reach = (params: NdArrays, name: string): number => Math.max(...Array.from(params[name]!.data, Math.abs));
const rms = (params: NdArrays, name: string): number => {
  const { data } = params[name]!;
  return Math.sqrt((data as Float32Array).reduce((sum, v) => sum + v * v, 0) / data.length);
};
const isZero = (params: NdArrays, name: string): boolean => params[name]!.data.every((v) => v === 0);

/** The uniform bound: reached to within 1 %, never passed, and with the spread of a uniform distribution. */
function expectUniform(params: NdArrays, name: string, bound: number): void {
  expect(reach(params, name)).toBeLessThanOrEqual(bound * (1 + 1e-7));
  expect(reach(params, name)).toBeGreaterThan(bound * 0.99);
  expect(rms(params, name) / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
}

describe('initialize', () => {
  test("'siren' bounds the first layer by 1/n, others by √(6/n)/ω, and biases by 1/√n", () => {
    const params = many(small, 'siren');
    expectUniform(params, 'layer1.weight', 1 / 3);
    expectUniform(params, 'layer2.weight', Math.sqrt(6 / 5) / 30);
    expectUniform(params, 'layer4.weight', Math.sqrt(6 / 4) / 30);
    expectUniform(params, 'layer1.bias', 1 / Math.sqrt(3));
    expectUniform(params, 'layer3.bias', 1 / Math.sqrt(7));
  });
  test("'dws-siren' has no special first layer and biases of 0", () => {
    const params = many(small, 'dws-siren');
    expectUniform(params, 'layer1.weight', Math.sqrt(6 / 3) / 30);
    expectUniform(params, 'layer4.weight', Math.sqrt(6 / 4) / 30);
    for (let layer = 1; layer <= 4; layer++) expect(isZero(params, `layer${layer}.bias`)).toBe(true);
  });
  test("'torch-linear' bounds weights and biases by 1/√n", () => {
    const params = many(mlp({ sizes: [3, 5, 2] }), 'torch-linear');
    expectUniform(params, 'layer1.weight', 1 / Math.sqrt(3));
    expectUniform(params, 'layer2.bias', 1 / Math.sqrt(5));
  });
  test.each([
    ['kaiming-uniform', 'relu', Math.sqrt(2 / 3)],
    ['kaiming-normal', 'relu', Math.sqrt(2 / 3)],
    ['kaiming-normal', 'leaky-relu', Math.sqrt(2 / (1 + 1e-4) / 3)],
    ['xavier-uniform', 'sigmoid', Math.sqrt(2 / (3 + 5))],
    ['xavier-normal', 'tanh', (5 / 3) * Math.sqrt(2 / (3 + 5))],
  ] as const)("'%s' with %s has its published spread, and biases of 0", (init, activation, deviation) => {
    const params = many(mlp({ sizes: [3, 5, 2], activation }), init);
    expect(rms(params, 'layer1.weight') / deviation).toBeCloseTo(1, 1);
    expect(isZero(params, 'layer1.bias')).toBe(true);
    if (init.endsWith('uniform')) expectUniform(params, 'layer1.weight', deviation * Math.sqrt(3));
  });
  test.each([
    ['he-normal', Math.sqrt(2 / 3), 2 / 0.8796256610342398],
    ['glorot-normal', Math.sqrt(2 / 8), 2 / 0.8796256610342398],
    ['truncated-normal', 0.8796256610342398, 2 / 0.8796256610342398],
    ['normal', 1, Infinity],
  ])(
    "'%s' has its published spread whatever the activation, within its bounds, and biases of 0",
    (init, deviation, most) => {
      for (const activation of ['tanh', 'relu'] as const) {
        const params = many(mlp({ sizes: [3, 5, 2], activation }), init);
        expect(rms(params, 'layer1.weight') / deviation).toBeCloseTo(1, 1);
        expect(reach(params, 'layer1.weight') / deviation).toBeLessThanOrEqual(most * (1 + 1e-6));
        expect(reach(params, 'layer1.weight') / deviation).toBeGreaterThan(2.1);
        expect(isZero(params, 'layer1.bias')).toBe(true);
      }
    },
  );
  test("'orthogonal' has orthonormal rows, or columns where there are fewer, over all of a kernel", () => {
    const network = cnn({ input: { positions: [4, 4], size: 2 }, features: [5, 20], outputs: 3 });
    const params = initialize(network, stream('orthogonal'), { init: 'orthogonal' });
    for (const [name, rowCount] of [
      ['conv1.weight', 5],
      ['conv2.weight', 20],
      ['fc1.weight', 3],
    ] as const) {
      const w = params[name]!.data;
      const columns = w.length / rowCount;
      const product = (i: number, j: number) =>
        Array.from({ length: columns }, (_, k) => w[i * columns + k]! * w[j * columns + k]!).reduce((a, b) => a + b);
      for (let i = 0; i < rowCount; i++)
        for (let j = 0; j <= i; j++) expect(product(i, j)).toBeCloseTo(Number(i === j), 5);
    }
    const tall = initialize(mlp({ sizes: [2, 6, 1] }), stream('tall'), { init: 'orthogonal' })['layer1.weight']!.data;
    const along = (a: number, b: number) =>
      Array.from({ length: 6 }, (_, r) => tall[2 * r + a]! * tall[2 * r + b]!).reduce((x, y) => x + y);
    expect([along(0, 0), along(0, 1), along(1, 1)].map((v) => Math.round(v * 1e5) / 1e5 + 0)).toEqual([1, 0, 1]);
  });
  test("defaults to 'siren' where there is a sine, else to 'torch-linear'", () => {
    const plain = mlp({ sizes: [3, 5, 2] });
    const of = (architecture: Architecture, init?: string) => initialize(architecture, stream('d'), { init });
    expect(sameBits(of(small), of(small, 'siren'))).toBe(true);
    expect(sameBits(of(plain), of(plain, 'torch-linear'))).toBe(true);
  });
  test('gives network i of a stack what its own stream gives, in whichever chunk', () => {
    const all = initialize(small, stream('zoo'), { count: 7 });
    const chunk = initialize(small, stream('zoo'), { count: 3, first: 4 });
    const alone = initialize(small, stream('zoo').split(5));
    for (const { name, shape } of small.parameters) {
      expect(rows(all[name]!, 4, 7).data).toEqual(chunk[name]!.data);
      expect(takeRows(all[name]!, [5]).data).toEqual(alone[name]!.data);
      expect(alone[name]!.shape).toEqual(shape);
      expect(rows(all[name]!, 0, 1).data).not.toEqual(rows(all[name]!, 1, 2).data);
    }
  });
  test('draws the same numbers from version to version, so that zoos can be made again', () => {
    const { 'layer1.weight': w } = initialize(small, stream('fixed'), { count: 1, first: 60_000, init: 'dws-siren' });
    expect(Array.from(w!.data.slice(0, 3))).toMatchInlineSnapshot(`
      [
        0.001970698358491063,
        0.03487637639045715,
        -0.03921356424689293,
      ]
    `);
  });
  test('makes no network when asked for none', () => {
    expect(initialize(small, stream('none'), { count: 0 })['layer1.weight']!.shape).toEqual([0, 5, 3]);
  });
  test.each([
    [{ count: -1 }, 'initialize: count must be a whole number ≥ 0, got -1'],
    [{ count: 1, first: 0.5 }, 'initialize: first must be a whole number ≥ 0, got 0.5'],
  ])('refuses %j', (options, message) => {
    expect(() => initialize(small, stream('x'), options)).toThrow(RangeError);
    expect(() => initialize(small, stream('x'), options)).toThrow(message);
  });
  test('refuses an unknown recipe, naming the known ones', () => {
    const call = () => initialize(small, stream('x'), { init: 'sirene' });
    expect(call).toThrow(ArchitectureError);
    expect(call).toThrow(`initialize: init must be one of default, ${initializations().join(', ')}, got "sirene"`);
  });
});

describe('registries', () => {
  test('refuse a name that is taken', () => {
    const draw = () => new Float32Array();
    expect(() => registerInitialization({ name: 'siren', source: '', draw })).toThrow(
      "register: initialization 'siren' must not be registered yet, got a second one; rename it",
    );
  });
  test('carry a new layer kind with a fixed start through initialization and labels', () => {
    registerLayerKind({
      kind: 'test-gain',
      settings: () => ({}),
      declare: (_, { inputs }) => ({
        label: inputs[0]!.label,
        parameters: [
          {
            name: 'gain',
            kind: 'scale',
            axes: [{ label: inputs[0]!.label, role: 'index' }],
            fan: { in: 1, out: 1 },
            start: 'ones',
          },
        ],
        breaks: ['sign'],
      }),
      apply: (_, __, [x]) => x!,
    });
    const [stem, , , head] = residualSpec.layers;
    const gain = { name: 'gain', kind: 'test-gain', inputs: ['h'], output: 's' };
    const architecture = defineArchitecture({ ...residualSpec, layers: [stem, gain, head] });
    expect(architecture.parameters[2]).toMatchObject({ name: 'gain.gain', axes: ['h'], roles: ['index'], shape: [6] });
    expect(architecture.spaces[1]!.symmetries.sign).toBe(false);
    const params = initialize(architecture, stream('gain'), { count: 2 });
    expect(params['gain.gain']).toEqual(ndarray(new Float32Array(12).fill(1), [2, 6]));
  });
});
