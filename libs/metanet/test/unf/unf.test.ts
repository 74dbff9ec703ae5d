import {
  deepSets,
  defineArchitecture,
  initialize,
  mlp,
  randomArchitecture,
  rnn,
  transformer,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, countParameters, deadInputs, RandomStream, tf, toTensor, valueAndGrads } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';
import { createEditor, createMetanet, universalLayout } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';
import {
  act,
  assertEquivariance,
  assertInvariance,
  isIdentity,
  permutationGroup,
  testElements,
} from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { networksOf, tiny } from '../networks.ts';
import { inputsOf } from '../support/inputs.ts';
import { range, stream } from './tensors.ts';

const small = { channels: [16, 16], frequencies: 4, sharedChannels: 16, head: [16] };

const chainOf = (depth: number) => mlp({ sizes: [3, ...range(depth).map(() => 6), 2], activation: 'tanh' });

/** As many branches of a stream, each of two layers. */
const residualOf = (blocks: number): Architecture =>
  defineArchitecture({
    schema: 'weightspace-architecture/1',
    name: `residual MLP of ${blocks}`,
    inputs: [{ name: 'x', size: 3 }],
    layers: [
      { name: 's0', kind: 'linear', inputs: ['x'], size: 6 },
      ...range(blocks).flatMap((i) => [
        { name: `a${i}`, kind: 'linear', inputs: [`s${i}`], size: 5, activation: 'tanh' },
        { name: `b${i}`, kind: 'linear', inputs: [`a${i}`], size: 6 },
        { name: `s${i + 1}`, kind: 'add', inputs: [`s${i}`, `b${i}`] },
      ]),
      { name: 'head', kind: 'linear', inputs: [`s${blocks}`], size: 2, output: 'y' },
    ],
    output: 'y',
  });

/** Floating-point operations of a forward and backward pass on one network, and parameters. */
async function costOf(architecture: Architecture, settings: Settings) {
  const model = createMetanet('unf', architecture, 2, { ...small, ...settings });
  const weights = initialize(architecture, stream.split('cost'), { count: 1 });
  const f = compile(
    (p: Tensors, fixed: Tensors, w: Tensors) => valueAndGrads((q) => tf.sum(model.apply(q, fixed, w)), p).grads,
    { threads: 1 },
  );
  const fixed = model.measure(weights, stream.split('fixed'));
  await f(model.initialize(stream.split('init')) as never, fixed as never, weights as never);
  const { flops } = f.statistics();
  await f.release();
  return { flops, parameters: model.parameterCount };
}

describe('cost', () => {
  test.each([
    ['a chain', chainOf],
    ['a residual network', residualOf],
  ])('of %s grows as its depth with shared channels, and faster without', async (_, architectureOf) => {
    const ratios = async (settings: Settings) => {
      const [shallow, deep] = [await costOf(architectureOf(4), settings), await costOf(architectureOf(16), settings)];
      return [deep.flops / shallow.flops, deep.parameters / shallow.parameters];
    };
    const size = (depth: number) => architectureOf(depth).parameters.length;
    const linear = size(16) / size(4);
    for (const ratio of await ratios({ sharing: 'factored' })) expect(ratio).toBeLessThan(1.15 * linear);
    for (const ratio of await ratios({ sharing: 'full' })) expect(ratio).toBeGreaterThan(1.25 * linear);
  });

  test('grows as the width of a network squared: as its parameters', async () => {
    const [narrow, wide] = [mlp({ sizes: [3, 16, 16, 2] }), mlp({ sizes: [3, 64, 64, 2] })];
    const [a, b] = [await costOf(narrow, {}), await costOf(wide, {})];
    expect(b.flops / a.flops).toBeLessThan((1.05 * wide.parameterCount) / narrow.parameterCount);
    expect(b.parameters).toBe(a.parameters);
  });
});

describe('universalLayout', () => {
  const foldedOf = (architecture: Architecture, permutable: 'auto' | 'hidden' | 'all') =>
    Object.fromEntries(
      universalLayout(architecture, permutable).tensors.map((t) => [t.name, [t.spaces.length, t.folded]]),
    );

  test('puts short fixed axes into channels, long ones are indices', () => {
    const image = mlp({ sizes: [100, 5, 8] });
    expect(foldedOf(image, 'auto')).toEqual({
      'layer1.weight': [2, 1],
      'layer1.bias': [1, 1],
      'layer2.weight': [1, 8],
      'layer2.bias': [0, 8],
    });
    expect(foldedOf(image, 'hidden')['layer1.weight']).toEqual([1, 100]);
    expect(foldedOf(image, 'all')['layer2.weight']).toEqual([2, 1]);
    // 3 × 3 entries of a kernel fill the channels; its two inputs are an index.
    const [convolution] = Object.values(foldedOf(inputsOf.cnn[0]!, 'auto'));
    expect(convolution).toEqual([2, 9]);
  });

  test('keeps a fixed group as an index where each of its members has an order of its own', async () => {
    const grouped = defineArchitecture({
      schema: 'weightspace-architecture/1',
      name: 'groups of inputs',
      inputs: [{ name: 'x', size: 4, positions: [3, 3] }],
      layers: [
        { name: 'c', kind: 'conv2d', inputs: ['x'], size: 6, kernel: 1, groups: 2, activation: 'relu' },
        { name: 'pool', kind: 'global-pool', inputs: ['c'] },
        { name: 'head', kind: 'linear', inputs: ['pool'], size: 2, output: 'y' },
      ],
      output: 'y',
    });
    const group = permutationGroup(grouped);
    expect(group.spaces.map(({ size, within }) => [size, within?.instances])).toEqual([[3, 2]]);
    for (const permutable of ['auto', 'hidden', 'all']) {
      const model = createMetanet('unf', grouped, 3, { ...small, permutable });
      const params = model.initialize(stream.split('init'));
      const fixed = model.measure(networksOf(grouped), stream.split('fixed'));
      const f = compile((p: Tensors, x: Tensors, w: Tensors) => ({ y: model.apply(p, x, w) }), { threads: 1 });
      await assertInvariance({
        f: async (w) => (await f(params as never, fixed as never, w as never)) as unknown as NdArrays,
        input: networksOf(grouped),
        elements: testElements(group, stream.split('elements')),
        actIn: (g, w) => act(grouped, g, w),
      });
    }
  });
});

describe('unf', () => {
  const variants: readonly Settings[] = [
    { norm: true },
    { norm: true, residual: true },
    { permutable: 'hidden', sharing: 'full', frequencies: 0 },
    { permutable: 'all', sharedChannels: 2 },
  ];
  test.each(variants)('depends on every parameter and weight of a ViT with %j', (settings) => {
    const [vit] = inputsOf.attention;
    const model = createMetanet('unf', vit!, 3, { ...small, ...settings, head: [40], dropout: 0 });
    const weights = networksOf(vit!);
    const fixed = model.measure(weights, stream.split('fixed'));
    const tensors = Object.fromEntries(Object.entries(fixed).map(([name, x]) => [name, toTensor(x)]));
    const inputs = {
      ...model.initialize(stream.split('init')),
      ...Object.fromEntries(Object.entries(weights).map(([name, w]) => [`w.${name}`, w])),
    };
    const f = (given: Tensors) =>
      model.apply(given, tensors, Object.fromEntries(Object.keys(weights).map((name) => [name, given[`w.${name}`]!])));
    expect(deadInputs(f, inputs)).toEqual([]);
  });

  const others: readonly Architecture[] = [
    transformer({
      tokens: 4,
      vocabulary: 7,
      width: 4,
      depth: 1,
      heads: 4,
      keyHeads: 2,
      hidden: 3,
      gated: true,
      causal: true,
      tied: true,
      outputs: 7,
      pool: 'none',
    }),
    rnn({ cell: 'lstm', steps: 3, size: 2, hidden: [3, 4], bidirectional: true, outputs: 2 }),
    deepSets({ size: 2, elements: 4, channels: [4, 5], hidden: [3], outputs: 2 }),
    ...range(40)
      .map((i) => randomArchitecture(stream.split(`architecture ${i}`)))
      .filter((a) => permutationGroup(a).spaces.length > 1)
      .slice(0, 8),
  ];
  test.each(others.map((a) => [a.parameters.map(({ layer }) => layer).join(' '), a] as const))(
    'edits what the battery has not, equivariantly: %s',
    async (_, architecture) => {
      const editor = createEditor('unf', architecture, { ...small, channels: [24, 24] });
      const params = editor.initialize(stream.split('init'));
      const fixed = editor.measure(networksOf(architecture), stream.split('fixed'));
      const f = compile((p: Tensors, x: Tensors, w: Tensors) => editor.apply(p, x, w), { threads: 1 });
      const elements = testElements(permutationGroup(architecture), stream.split('elements'));
      await assertEquivariance({
        f: async (w) => (await f(params as never, fixed as never, w as never)) as unknown as NdArrays,
        input: networksOf(architecture, 2),
        elements: elements.filter((g) => !isIdentity(g)),
        actIn: (g, w) => act(architecture, g, w),
        actOut: (g, w) => act(architecture, g, w),
      });
    },
  );

  test('has a Θ of its own for each pair of tensors and each term with full sharing', () => {
    const model = createMetanet('unf', tiny, 3, { ...small, channels: [5], sharing: 'full', permutable: 'all' });
    const params = model.initialize(RandomStream.fromSeed(1));
    const layer = Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('layer1')));
    // sizes 2-3-4-1: the output is one, so w3 has one index and b3 none. Terms by output, from w1, b1, w2, b2, w3, b3.
    const terms = [
      [4, 2, 2, 1, 1, 1],
      [2, 2, 2, 1, 1, 1],
      [2, 2, 4, 2, 2, 1],
      [1, 1, 2, 2, 2, 1],
      [1, 1, 2, 2, 2, 1],
      [1, 1, 1, 1, 1, 1],
    ];
    const maps = terms.flat().reduce((a, b) => a + b, 0);
    expect(countParameters(layer)).toBe(maps * 25 + 6 * 5);
  });

  test.each([
    [{ channels: [] }, 'channels must be one or more whole numbers above 0, got []'],
    [{ frequencies: -1 }, 'frequencies must be a whole number, 0 or more, got -1'],
    [{ permutable: 'none' }, "permutable must be auto, hidden, all, got 'none'"],
    [{ sharing: 'half' }, "sharing must be full or factored, got 'half'"],
    [{ sharedChannels: 0 }, 'sharedChannels must be a whole number above 0, got 0'],
    [{ dropout: 1 }, 'dropout must be in [0, 1), got 1'],
  ])('refuses %j', (settings, text) => {
    expect(() => createMetanet('unf', tiny, 2, settings as never)).toThrow(`unf: ${text}`);
  });
});
