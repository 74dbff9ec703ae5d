/** Networks exported from PyTorch by `export-onnx.py`, and the orders of their groups, worked out by hand. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { permutationGroup, symmetryGroup } from '@weightspace/symmetry';
import { verifyOnnx } from '@weightspace/checkpoint';
import type { OnnxNetwork, Verification } from '@weightspace/checkpoint';
import { beforeAll, describe, expect, test } from 'vitest';

const folder = join(import.meta.dirname, 'fixtures');

/** n! for each number; a pair [n, k] is (n!)^k. */
const orders: { readonly [network: string]: readonly (number | readonly [n: number, k: number])[] } = {
  mlp: [7, 5],
  siren: [6, 5],
  'residual-mlp': [6, 9],
  // Channels, then neurons; the norms' numbers go with the channels.
  'cnn-bn': [5, 4, 7],
  // Skips tie: stem, block 1 and its end; inner channels are free in each block.
  resnet: [
    [4, 2],
    [6, 3],
    [7, 2],
  ],
  vgg: [4, 6, 5, 8],
  // Stem (with the end of the first block), two expansions, squeeze, the end of the second block.
  mobilenet: [4, 7, 9, 5, 6],
  // Three groups of two inputs and four outputs each; twelve channels with two outputs each; five.
  grouped: [3, [2, 3], [4, 3], [2, 12], 5],
  // (d_head!)^(2 heads) · heads!, the residual stream, the hidden layer.
  'transformer-post': [[3, 4], 2, 6, 10],
  'transformer-pre': [[3, 4], 2, 6, 10],
  vit: [[2, 6], 3, 6, 11],
  // Two shared heads, three query heads of each, q·k and v·o of each shared head, hidden layer, residual stream.
  'grouped-query': [2, [3, 2], [3, 2], [3, 2], 9, 8],
  lstm: [[4, 2]],
  'lstm-two-way': [[4, 4]],
  'lstm-last': [[4, 4]],
  gru: [[4, 2]],
  'gru-two-way': [[4, 4]],
  rnn: [4],
  // Two convolutions, three states in each direction, the attention's hidden layer.
  ocr: [4, 5, [3, 2], 7],
  // Residual stream, two gated layers, skip sum, gated linear unit.
  wavenet: [5, [4, 2], 6, 7],
  densenet: [4, [3, 2]],
  // Two groups of two channels under the group norm; bottom; up; joined; channels of the pixel shuffle.
  unet: [2, [2, 2], 6, 5, 7, 3],
  // Both branches write what one layer reads.
  branches: [5, 4],
  tied: [6],
  // Two groups with three inputs each; after the shuffle the outputs of both groups have one order.
  shufflenet: [2, [3, 2], 3],
};

const logFactorial = (n: number): number => (n < 2 ? 0 : Math.log10(n) + logFactorial(n - 1));
const log10Of = (factors: readonly (number | readonly [number, number])[]): number =>
  factors.map((f) => (typeof f === 'number' ? logFactorial(f) : f[1] * logFactorial(f[0]))).reduce((a, b) => a + b, 0);

const found = new Map<string, Verification>();
const networkOf = (name: string): OnnxNetwork => found.get(name)!.network;

beforeAll(async () => {
  for (const name of Object.keys(orders)) found.set(name, await verifyOnnx(join(folder, `${name}.onnx`)));
});

describe('verifyOnnx', () => {
  test('is tried on all fixtures', () => {
    const files = readdirSync(folder).map((file) => file.replace('.onnx', ''));
    expect(files.sort()).toEqual(Object.keys(orders).sort());
  });

  test.each(Object.keys(orders))('finds that random elements of the group of %s change nothing', (name) => {
    const { preserved, error, tolerance, nontrivial, moved } = found.get(name)!;
    expect({ preserved, nontrivial, moved }).toEqual({ preserved: true, nontrivial: true, moved: true });
    expect(tolerance).toBe(1e-5);
    expect(error).toBeLessThan(1e-5);
  });
});

describe('recognizeOnnx', () => {
  test.each(Object.entries(orders))('finds the whole group of %s, and freezes nothing', (name, factors) => {
    expect(permutationGroup(networkOf(name)).log10Order).toBeCloseTo(log10Of(factors), 9);
    expect(networkOf(name).frozen).toEqual([]);
  });

  test('labels weights and biases of a perceptron, and says what they do', () => {
    const { parameters, spaces, layers } = networkOf('mlp');
    expect(parameters.map(({ name, kind, shape, axes, roles }) => ({ name, kind, shape, axes, roles }))).toEqual([
      { name: '0.weight', kind: 'weight', shape: [7, 3], axes: ['0.weight:0', 'x:1'], roles: ['out', 'in'] },
      { name: '0.bias', kind: 'bias', shape: [7], axes: ['0.weight:0'], roles: ['out'] },
      { name: '2.weight', kind: 'weight', shape: [5, 7], axes: ['2.weight:0', '0.weight:0'], roles: ['out', 'in'] },
      { name: '2.bias', kind: 'bias', shape: [5], axes: ['2.weight:0'], roles: ['out'] },
      { name: '4.weight', kind: 'weight', shape: [2, 5], axes: ['4.weight:0', '2.weight:0'], roles: ['out', 'in'] },
      { name: '4.bias', kind: 'bias', shape: [2], axes: ['4.weight:0'], roles: ['out'] },
    ]);
    expect(layers.map(({ op, parameters: own, activation }) => ({ op, own, activation }))).toEqual([
      { op: 'Gemm', own: ['0.weight', '0.bias'], activation: 'Relu' },
      { op: 'Gemm', own: ['2.weight', '2.bias'], activation: 'Tanh' },
      { op: 'Gemm', own: ['4.weight', '4.bias'], activation: undefined },
    ]);
    expect(spaces.filter(({ free }) => free).map(({ activation, symmetries }) => ({ activation, symmetries }))).toEqual(
      [
        { activation: { kind: 'relu' }, symmetries: { sign: false, scale: true, phase: undefined } },
        { activation: { kind: 'tanh' }, symmetries: { sign: true, scale: false, phase: undefined } },
      ],
    );
  });

  test('claims sign and phase for sines, with the factor inside of them', () => {
    const { spaces } = networkOf('siren');
    for (const { symmetries } of spaces.filter(({ free }) => free)) {
      expect(symmetries).toEqual({ sign: true, scale: false, phase: Math.PI / 30 });
    }
    expect(symmetryGroup(networkOf('siren')).log10Order).toBe(Infinity);
  });

  test('claims no scale behind a norm, a gate or a residual sum with another activation', () => {
    for (const name of ['cnn-bn', 'resnet', 'wavenet', 'densenet', 'lstm', 'vit']) {
      const scaled = networkOf(name).spaces.filter(
        ({ symmetries }) => symmetries.sign || symmetries.phase !== undefined,
      );
      expect(scaled).toEqual([]);
    }
    expect(
      networkOf('cnn-bn')
        .spaces.filter(({ symmetries }) => symmetries.scale)
        .map(({ size }) => size),
    ).toEqual([7]);
  });

  test('keeps statistics, scales and shifts of norms with their channels', () => {
    const { parameters } = networkOf('cnn-bn');
    const norm = parameters.filter(({ layer }) => layer === 'n1');
    expect(norm.map(({ name, kind }) => [name, kind])).toEqual([
      ['n1.weight', 'scale'],
      ['n1.bias', 'shift'],
      ['n1.running_mean', 'statistic'],
      ['n1.running_var', 'statistic'],
    ]);
    expect(new Set(norm.flatMap(({ axes }) => axes))).toEqual(
      new Set(parameters.find(({ name }) => name === 'c1.weight')!.axes.slice(0, 1)),
    );
  });

  test('finds channels with their places behind a flattening', () => {
    const { parameters, composites } = networkOf('cnn-bn');
    const [, columns] = parameters.find(({ name }) => name === 'f1.weight')!.axes;
    const [segment, ...others] = composites.find(({ name }) => name === columns)!.segments;
    expect(others).toEqual([]);
    expect(segment![0]).toBe(parameters.find(({ name }) => name === 'c2.weight')!.axes[0]);
  });

  test('tells q, k and v of one matrix apart, and heads from what is within them', () => {
    const { parameters, composites, spaces } = networkOf('vit');
    const bias = parameters.find(({ name }) => name === 'attn.qkv.bias')!;
    const [q, k, v] = composites.find(({ name }) => name === bias.axes[0])!.segments;
    expect(k).toEqual(q);
    expect(v![0]).toBe(q![0]);
    expect(v![1]).not.toBe(q![1]);
    const [head, each] = q!.map((name) => spaces.find((space) => space.name === name)!);
    expect(head).toMatchObject({ kind: 'head', size: 3, free: true });
    expect(each).toMatchObject({ size: 2, free: true, within: head!.name });
  });
});
