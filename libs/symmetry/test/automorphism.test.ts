import { architectureSchema, cnn, defineArchitecture, forwardStacked, mlp, rnn } from '@weightspace/architecture';
import type { Architecture, LabelledNetwork } from '@weightspace/architecture';
import { compile, mapValues, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  automorphisms,
  checkAutomorphisms,
  countFunctionSymmetries,
  genericParameters,
  permutationGroup,
  randomInputs,
  SymmetryError,
} from '@weightspace/symmetry';
import type { FunctionSymmetryOptions, SymmetryGroup } from '@weightspace/symmetry';

import { fixed, groupedConvolution, labelled, leaf, lstm, plainMlp, stream } from '@weightspace/symmetry/testing';

const attention = labelled(
  'attention',
  [fixed('x', 2), leaf('d', 3), leaf('head', 2), leaf('qk', 2, { within: 'head' }), leaf('vo', 2, { within: 'head' })],
  { 'embed.weight': ['d', 'x'], 'qkv.weight': ['head*qk + head*qk + head*vo', 'd'], 'o.weight': ['d', 'head*vo'] },
);
const groupedQueries = labelled(
  'grouped queries',
  [fixed('x', 2), leaf('kv', 2), leaf('query', 2, { within: 'kv' }), leaf('qk', 2, { within: 'kv' }), fixed('y', 1)],
  { 'q.weight': ['kv*query*qk', 'x'], 'k.weight': ['kv*qk', 'x'], 'o.weight': ['y', 'kv*query'] },
);
const nested = labelled(
  'three levels',
  [leaf('a', 2), leaf('b', 1, { within: 'a' }), leaf('c', 3, { within: 'b' }), fixed('x', 1)],
  { 'w.weight': ['a*b*c', 'x'] },
);
const frozenParent = labelled('frozen groups', [fixed('g', 2), leaf('n', 2, { within: 'g' }), fixed('x', 1)], {
  'w.weight': ['g*n', 'x'],
});

describe('checkAutomorphisms', () => {
  test.each([
    ['an MLP', plainMlp, 24 * 120],
    ['attention', attention, 6 * 2 * 4 * 4],
    ['grouped queries', groupedQueries, 2 * 4 * 4],
    ['grouped convolutions, over two axes', groupedConvolution, 2 * 4 * 36],
    ['an LSTM', lstm, 6],
    ['families of families', nested, 2 * 36],
    ['groups that stay', frozenParent, 4],
  ])('finds the group that labels give, of %s', (_, network, order) => {
    const report = checkAutomorphisms(permutationGroup(network));
    expect(report).toEqual({ passed: true, order, automorphisms: order, outside: undefined });
  });
  test.each([
    [
      'heads that claim one order of all their neurons',
      (group: SymmetryGroup) =>
        group.spaces.map(({ name, size, kinds, within }) => ({ name, size: size * (within ? 2 : 1), kinds })),
    ],
    ['a space that is forgotten', (group: SymmetryGroup) => group.spaces.filter(({ name }) => name !== 'vo')],
    ['heads that may not change places', (group: SymmetryGroup) => group.spaces.filter(({ name }) => name !== 'head')],
    [
      'one order for all heads',
      (group: SymmetryGroup) =>
        group.spaces.map((s) => (s.name === 'qk' ? { name: s.name, size: s.size, kinds: s.kinds } : s)),
    ],
  ])('fails with %s', (_, change) => {
    const group = permutationGroup(attention);
    const report = checkAutomorphisms({ ...group, spaces: change(group) });
    expect(report.passed).toBe(false);
    expect(report.automorphisms).toBe(192);
  });
  test('refuses networks that are too large for it', () => {
    const large = labelled('large', [leaf('h', 9), fixed('x', 1)], { 'w.weight': ['h', 'x'] });
    expect(() => checkAutomorphisms(permutationGroup(large))).toThrow(SymmetryError);
    expect(() => checkAutomorphisms(permutationGroup(large))).toThrow(
      "automorphisms: space 'h' must have at most 50000 orders to try, got 9! of them",
    );
    expect(() => automorphisms(plainMlp, { limit: 200 })).toThrow('at most 200 partial automorphisms, got more');
  });
});

const define = (input: object, ...layers: readonly object[]): Architecture =>
  defineArchitecture({
    schema: architectureSchema,
    name: 'small',
    inputs: [{ name: 'x', ...input }],
    layers,
    output: 'y',
  });

/** Brute force on what the architecture computes; `claimed` may have other labels. */
async function count(
  architecture: Architecture,
  options: FunctionSymmetryOptions = {},
  claimed: LabelledNetwork = architecture,
) {
  const draws = stream('function');
  const params: NdArrays = mapValues(genericParameters(architecture, draws, 1), (a) =>
    ndarray(
      Float32Array.from(a.data as Float32Array, (x) => 2 * x),
      a.shape.slice(1),
    ),
  );
  const x = randomInputs(architecture, draws, 5);
  const f = compile((p: Tensors, inputs: Tensors) => forwardStacked(architecture, p, inputs), { device: 'eager' });
  return countFunctionSymmetries(claimed, params, (p) => f(p, x) as Promise<NdArray>, options);
}

const residual = define(
  { size: 2 },
  { name: 'stem', kind: 'linear', inputs: ['x'], size: 2, bias: false },
  { name: 'inner', kind: 'linear', inputs: ['stem'], size: 2, activation: 'gelu' },
  { name: 'outer', kind: 'linear', inputs: ['inner'], size: 2 },
  { name: 'sum', kind: 'add', inputs: ['stem', 'outer'] },
  { name: 'head', kind: 'linear', inputs: ['sum'], size: 1, output: 'y' },
);
const twoHeads = define(
  { size: 1, positions: [4] },
  {
    name: 'att',
    kind: 'attention',
    inputs: ['x'],
    size: 1,
    heads: 2,
    keySize: 2,
    valueSize: 1,
    bias: false,
    output: 'y',
  },
);
const fusedHeads = define(
  { size: 1, positions: [4] },
  {
    name: 'att',
    kind: 'attention',
    inputs: ['x'],
    size: 1,
    heads: 2,
    keySize: 1,
    valueSize: 2,
    fused: true,
    bias: false,
    output: 'y',
  },
);
const grouped = define(
  { size: 1, positions: [4] },
  { name: 'stem', kind: 'conv1d', inputs: ['x'], size: 4, kernel: 1, bias: false, activation: 'gelu' },
  { name: 'conv', kind: 'conv1d', inputs: ['stem'], size: 2, kernel: 1, groups: 2, bias: false, activation: 'gelu' },
  { name: 'pool', kind: 'global-pool', inputs: ['conv'] },
  { name: 'head', kind: 'linear', inputs: ['pool'], size: 1, output: 'y' },
);

const smallCell = (kind: string) =>
  define(
    { size: 1, positions: [3] },
    { name: 'cell', kind, inputs: ['x'], size: 2, bias: false, gives: 'last' },
    { name: 'head', kind: 'linear', inputs: ['cell'], size: 1, output: 'y' },
  );

describe('countFunctionSymmetries', () => {
  const each = { axes: 'each' } as const;
  test.each([
    ['an MLP, each axis by itself', mlp({ sizes: [2, 3, 2, 1], activation: 'gelu' }), each],
    ['a residual MLP, each axis by itself', residual, each],
    ['two heads', twoHeads, {}],
    ['two heads in one matrix', fusedHeads, {}],
    ['a grouped convolution', grouped, {}],
    ['an LSTM', rnn({ cell: 'lstm', steps: 3, size: 2, hidden: [3], outputs: 2 }), {}],
    ['an LSTM, each axis of each gate by itself', smallCell('lstm'), each],
    ['a GRU, each axis of each gate by itself', smallCell('gru'), each],
    [
      'a CNN with a norm that is flattened',
      cnn({
        input: { positions: [2, 2], size: 2 },
        features: [3],
        kernel: 1,
        norm: 'batch-norm',
        pool: 'flatten',
        outputs: 1,
        activation: 'gelu',
      }),
      {},
    ],
  ])('keeps as many orders as the group has, of %s', async (_, architecture, options) => {
    const { tried, kept } = await count(architecture, options);
    expect(Math.log10(kept)).toBeCloseTo(permutationGroup(architecture).log10Order, 9);
    expect(tried).toBeGreaterThan(kept);
  });
  test('finds out labels that allow too much, and labels that allow too little', async () => {
    const architecture = mlp({ sizes: [2, 3, 2, 1], activation: 'gelu' });
    const order = 10 ** permutationGroup(architecture).log10Order;
    const free = { ...architecture, spaces: architecture.spaces.map((s) => ({ ...s, free: true })) };
    const bold = await count(architecture, {}, free);
    expect(10 ** permutationGroup(free).log10Order).toBeCloseTo(24, 6);
    expect(bold.kept).toBe(Math.round(order));
    const shy = { ...architecture, spaces: architecture.spaces.map((s) => ({ ...s, free: s.name === 'h2' })) };
    expect(10 ** permutationGroup(shy).log10Order).toBeCloseTo(2, 6);
    expect((await count(architecture, {}, shy)).kept).toBe(Math.round(order));
  });
  test('refuses networks that are too large for it', async () => {
    await expect(count(mlp({ sizes: [2, 6, 6, 1] }), { limit: 1000 })).rejects.toThrow(
      'countFunctionSymmetries: network must have at most 1000 combinations of orders to try, got 1036800; make it smaller',
    );
  });
});
