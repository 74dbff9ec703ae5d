import { readFileSync } from 'node:fs';

import { assertClose, ndarray, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  activationsStacked,
  architectureSchema,
  defineArchitecture,
  initialize,
  resnet,
  transformer,
  vgg,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import { stream } from './networks.ts';

interface Stored {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface TorchCase {
  readonly name: string;
  readonly params: { readonly [name: string]: Stored };
  readonly x: Stored;
  readonly y: Stored;
}
const fixtures = JSON.parse(readFileSync(new URL('fixtures/torch-fixtures.json', import.meta.url), 'utf8')) as {
  cases: TorchCase[];
  shapes: { [model: string]: { [name: string]: number[] } };
};
const caseOf = (name: string): TorchCase => fixtures.cases.find((c) => c.name === name)!;
const arrayOf = ({ data, shape }: Stored) => ndarray([...data], shape);

/** PyTorch keeps the channels of images second; here they are last. */
function channelsLast(stored: Stored, images: boolean): Tensor {
  const x = toTensor(arrayOf(stored));
  if (!images) return x;
  return tf.transpose(x, [0, ...stored.shape.slice(2).map((_, i) => i + 2), 1]);
}

/** Networks of one layer, called `l`, with the case's own parameter names. */
const single: { readonly [name: string]: { readonly [setting: string]: unknown } } = {
  conv1d: { kind: 'conv1d', size: 6, kernel: 3, strides: 2, padding: 2, dilations: 2, groups: 2 },
  conv2d: { kind: 'conv2d', size: 4, kernel: [3, 2], strides: [2, 1], padding: [1, 0] },
  depthwise: { kind: 'conv2d', size: 6, kernel: 3, padding: 1, groups: 3 },
  conv3d: { kind: 'conv3d', size: 3, kernel: [2, 3, 1], padding: [1, 1, 0], dilations: [2, 1, 1] },
  'batch-norm': { kind: 'batch-norm' },
  'group-norm': { kind: 'group-norm', groups: 2 },
  'instance-norm': { kind: 'instance-norm', affine: true },
  'layer-norm': { kind: 'layer-norm' },
  'max-pool': { kind: 'max-pool', kernel: [3, 2], strides: [2, 1], padding: [1, 1] },
  'average-pool': { kind: 'average-pool', kernel: [3, 2], strides: [2, 1], padding: [1, 1] },
  flatten: { kind: 'flatten' },
  upsample: { kind: 'upsample', factors: [2, 2] },
  attention: { kind: 'attention', size: 8, heads: 2, fused: true },
  rnn: { kind: 'rnn', size: 5 },
};
const sequences = ['layer-norm', 'attention', 'rnn', 'lstm', 'gru'];
const attentionNames = [
  ['in_proj_', 'qkv.'],
  ['out_proj.', 'o.'],
] as const;

/** The value of a network on the case's input, with parameters renamed. */
function valueOf(architecture: Architecture, c: TorchCase, rename: (name: string) => string, value: string): Tensor {
  const params: NdArrays = Object.fromEntries(
    Object.entries(c.params).map(([name, stored]) => [
      rename(name),
      { ...arrayOf(stored), shape: [1, ...stored.shape] },
    ]),
  );
  const known = architecture.parameters.filter(({ name }) => name in params);
  expect(known.map(({ name }) => name).sort()).toEqual(Object.keys(params).sort());
  const rest = initialize(architecture, stream('rest'), { count: 1 });
  const tensors = Object.fromEntries(Object.entries({ ...rest, ...params }).map(([name, a]) => [name, toTensor(a)]));
  const x = channelsLast(c.x, !sequences.includes(c.name) && !c.name.startsWith('encoder'));
  return tf.squeeze(activationsStacked(architecture, tensors, x)[value]!, [0]);
}

const defined = (c: TorchCase, layers: readonly object[], output: string): Architecture => {
  const images = !sequences.includes(c.name);
  const [, ...rest] = c.x.shape;
  const [size, positions] = images ? [rest[0]!, rest.slice(1)] : [rest.at(-1)!, rest.slice(0, -1)];
  return defineArchitecture({
    schema: architectureSchema,
    name: c.name,
    inputs: [{ name: 'x', size, positions }],
    layers,
    output,
  });
};

describe('PyTorch agrees on', () => {
  test.each(Object.keys(single))('%s', (name) => {
    const c = caseOf(name);
    const architecture = defined(c, [{ name: 'l', inputs: ['x'], output: 'y', ...single[name] }], 'y');
    const rename = (key: string) =>
      `l.${attentionNames.reduce((k, [from, to]) => k.replace(from, to), key).replace(/_l0$/, '')}`;
    tf.tidy(() => {
      const y = valueOf(architecture, c, rename, 'y');
      assertClose(y, channelsLast(c.y, !sequences.includes(name) && name !== 'flatten'), { rtol: 1e-4, atol: 2e-5 });
    });
  });
  test.each(['lstm', 'gru'])('%s in both directions', (cell) => {
    const c = caseOf(cell);
    const layer = (name: string, reverse: boolean) => ({ name, kind: cell, inputs: ['x'], size: 4, reverse });
    const both = { name: 'y', kind: 'concat', inputs: ['l', 'r'] };
    const architecture = defined(c, [layer('l', false), layer('r', true), both], 'y');
    const rename = (key: string) =>
      key.endsWith('_reverse') ? `r.${key.replace('_l0_reverse', '')}` : `l.${key.replace('_l0', '')}`;
    tf.tidy(() =>
      assertClose(valueOf(architecture, c, rename, 'y'), channelsLast(c.y, false), { rtol: 1e-4, atol: 1e-5 }),
    );
  });
  test.each(['pre', 'post'] as const)('a transformer block with norms in %s', (order) => {
    const c = caseOf(`encoder ${order}`);
    const options = { tokens: 3, size: 8, width: 8, depth: 1, heads: 2, hidden: 5, outputs: 8, order };
    const whole = transformer({ ...options, positionTable: false, pool: 'none' });
    // The block alone: without what is before and behind it.
    const layers = whole.spec.layers.filter(({ name }) => name.startsWith('block1'));
    const read = (inputs: readonly string[]) => inputs.map((input) => (input === 'embed' ? 'x' : input));
    const architecture = defineArchitecture({
      ...whole.spec,
      layers: layers.map((layer) => ({ ...layer, inputs: read(layer.inputs) })),
      output: layers.at(-1)!.output,
    });
    const names = [...attentionNames, ['self_attn.', 'attention.'], ['linear', 'fc']] as const;
    const rename = (key: string) => `block1_${names.reduce((k, [from, to]) => k.replace(from, to), key)}`;
    tf.tidy(() => {
      const y = valueOf(architecture, c, rename, architecture.spec.output);
      assertClose(y, channelsLast(c.y, false), { rtol: 1e-4, atol: 2e-5 });
    });
  });
});

describe('torchvision has the same parameters as', () => {
  const shapesOf = ({ parameters }: Architecture) => parameters.map(({ name, shape }) => `${name} [${shape.join()}]`);
  test.each([
    ['resnet18', () => resnet(), 11_689_512],
    ['resnet34', () => resnet({ blocks: [3, 4, 6, 3] }), 21_797_672],
  ] as const)('%s, by name and shape', (model, make, count) => {
    const architecture = make();
    const renamed = Object.entries(fixtures.shapes[model]!).map(([key, shape]) => {
      const parts = key.split('.');
      return `${parts.slice(0, -1).join('_')}.${parts.at(-1)} [${shape.join()}]`;
    });
    expect(shapesOf(architecture).sort()).toEqual(renamed.sort());
    const statistics = architecture.parameters.filter(({ kind }) => kind === 'statistic');
    const counted = statistics.reduce((n, { shape }) => n - shape[0]!, architecture.parameterCount);
    expect(counted).toBe(count);
  });
  test.each([
    ['vgg11', { depth: 11 }, 132_863_336],
    ['vgg16_bn', { depth: 16, batchNorm: true }, 138_365_992 + 2 * 4224],
  ] as const)('%s, in order', (model, options, count) => {
    const architecture = vgg(options);
    const wanted = Object.values(fixtures.shapes[model]!).map((shape) => shape.join());
    expect(architecture.parameters.map(({ shape }) => shape.join())).toEqual(wanted);
    expect(architecture.parameterCount).toBe(count);
  });
});
