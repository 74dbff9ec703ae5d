import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { forward } from '@weightspace/architecture';
import {
  openCheckpoint,
  loadNetwork,
  recognizeStateDict,
  stateDictSchemes,
  toCheckpoint,
} from '@weightspace/checkpoint';
import type { RecognizeOptions } from '@weightspace/checkpoint';
import { assertClose, mapValues, ndarray, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { act, randomElement, symmetryGroup } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

interface Case {
  readonly options: RecognizeOptions;
  readonly x: { readonly shape: number[]; readonly data: number[] };
  readonly y: { readonly shape: number[]; readonly data: number[] };
}

const folder = join(import.meta.dirname, 'state-dicts');
const fixture = (name: string) => join(folder, `${name}.pt`);
const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const expected = read('expected.json') as { readonly [name: string]: Case };
const real = read('real-shapes.json') as { readonly [name: string]: [string, number[]][] };
const shapesOf = (name: string) => real[name]!.map(([own, shape]) => ({ name: own, shape }));
const floats = ({ shape, data }: Case['x']): NdArray => ndarray(Float32Array.from(data), shape);

const schemeOf: { readonly [name: string]: string } = {
  mlp: 'chain',
  'mlp-nested': 'chain',
  cnn: 'chain',
  resnet: 'torchvision-resnet',
  bottleneck: 'torchvision-resnet',
  resnext: 'torchvision-resnet',
  vgg: 'torchvision-vgg',
  'vgg-bn': 'torchvision-vgg',
  vit: 'torchvision-vit',
  bert: 'bert',
  gpt2: 'gpt2',
  'encoder-post': 'torch-transformer-encoder',
  'encoder-pre': 'torch-transformer-encoder',
  lstm: 'torch-recurrent',
  'lstm-two-way': 'torch-recurrent',
  gru: 'torch-recurrent',
  rnn: 'torch-recurrent',
};

type Loaded = Awaited<ReturnType<typeof loadNetwork>>;

/** The network's output; BERT's second input is 0 everywhere. */
function run({ architecture }: Loaded, params: NdArrays, x: NdArray): NdArray {
  const y = tf.tidy(() => {
    const input = toTensor(x);
    const inputs = Object.fromEntries(
      architecture.spec.inputs.map(({ name }, i) => [name, i === 0 ? input : tf.zerosLike(input)]),
    );
    return forward(architecture, mapValues(params, toTensor), inputs);
  });
  const result = ndarray(Float32Array.from(y.dataSync()), y.shape);
  y.dispose();
  return result;
}

const largest = ({ data }: NdArray): number => Math.max(...Array.from(data, Math.abs));

describe('loadNetwork', () => {
  test('every case is here', () => {
    expect(Object.keys(schemeOf).sort()).toEqual(Object.keys(expected).sort());
  });

  test.each(Object.keys(expected))('%s computes what PyTorch computes', async (name) => {
    const { options, x, y } = expected[name]!;
    const network = await loadNetwork(fixture(name), options);
    expect(network.scheme).toBe(schemeOf[name]);
    const output = run(network, network.parameters, floats(x));
    // A MaxPool2d's output is [H, W, C] here, but all these give vectors.
    assertClose(output, floats(y), { rtol: 1e-5, atol: 1e-5 * largest(floats(y)) });
  });

  test.each(Object.keys(expected))('%s keeps its function under its group, also as a checkpoint', async (name) => {
    const { options, x } = expected[name]!;
    const network = await loadNetwork(fixture(name), options);
    const group = symmetryGroup(network.architecture);
    expect(group.log10Order).toBeGreaterThan(0.3);
    const moved = act(network.architecture, randomElement(group, RandomStream.fromSeed(5)), network.parameters);
    const changed = network.sources.filter(({ parameter }) => {
      const [before, after] = [network.parameters[parameter]!.data, moved[parameter]!.data];
      return Buffer.compare(Buffer.from(before.buffer), Buffer.from(after.buffer)) !== 0;
    });
    expect(changed.length).toBeGreaterThan(0);
    const [before, after] = [run(network, network.parameters, floats(x)), run(network, moved, floats(x))];
    assertClose(after, before, { rtol: 1e-5, atol: 1e-5 * largest(before) });
    const back = new Map(toCheckpoint(network, moved).map((tensor) => [tensor.name, tensor]));
    for (const { parameter, tensor, steps } of changed) {
      if (steps.length > 0) continue;
      expect(Buffer.from(back.get(tensor!)!.bytes()).equals(Buffer.from(moved[parameter]!.data.buffer))).toBe(true);
    }
  });

  test.each([...Object.keys(expected), 'mlp-half'])('%s comes back bit by bit', async (name) => {
    const checkpoint = await openCheckpoint(fixture(name));
    const network = await loadNetwork(checkpoint, expected[name]?.options ?? {});
    const back = toCheckpoint(network);
    expect(back.map((tensor) => [tensor.name, tensor.dtype, tensor.shape])).toEqual(
      checkpoint.tensors.map((tensor) => [tensor.name, tensor.dtype, tensor.shape]),
    );
    for (const tensor of back) {
      expect(Buffer.from(tensor.bytes()).equals(Buffer.from(checkpoint.tensor(tensor.name).bytes())), tensor.name).toBe(
        true,
      );
    }
  });

  test('an architecture that the user gives is matched by names or by order', async () => {
    const layer = (name: string, from: string, size: number) => ({ name, kind: 'linear', inputs: [from], size });
    const json = (names: readonly string[], middle = 5) => ({
      schema: 'weightspace-architecture/1',
      name: 'given',
      inputs: [{ name: 'x', size: 3 }],
      layers: [layer(names[0]!, 'x', middle), layer(names[1]!, names[0]!, 4), layer(names[2]!, names[1]!, 2)],
      output: names[2],
    });
    for (const names of [
      ['0', '2', '4'],
      ['a', 'b', 'c'],
    ]) {
      const { sources, scheme } = await loadNetwork(fixture('mlp'), { architecture: json(names) });
      expect(scheme).toBe('given');
      expect(sources.map(({ tensor }) => tensor)).toEqual([
        '0.weight',
        '0.bias',
        '2.weight',
        '2.bias',
        '4.weight',
        '4.bias',
      ]);
    }
    await expect(loadNetwork(fixture('mlp'), { architecture: json(['0', '2', '4'], 6) })).rejects.toThrow(
      /'0\.weight' must have shape \[6, 3\] in the architecture's layout, got \[5, 3\]/,
    );
  });
});

describe('toCheckpoint', () => {
  test('refuses values of another shape', async () => {
    const network = await loadNetwork(fixture('mlp'));
    const wrong = { ...network.parameters, '0.bias': ndarray(new Float32Array(4), [4]) };
    expect(() => toCheckpoint(network, wrong)).toThrow("parameter '0.bias' must be float32 [5], got float32 [4]");
  });
});

describe('recognizeStateDict', () => {
  test('lists its schemes', () => {
    expect(stateDictSchemes().at(-1)).toBe('chain');
  });

  test.each([
    ['resnet18', 11_689_512, 'resnet18'],
    ['resnet50', 25_557_032, 'resnet50'],
    ['resnext50_32x4d', 25_028_904, 'resnet50'],
    ['vgg11', 132_863_336, 'vgg11'],
    ['vgg16_bn', 138_365_992, 'vgg16'],
    ['vit_b_16', 86_567_656, 'vit 768x12/16'],
  ] as const)('%s of real size has the parameters that are published', (name, count, own) => {
    const { architecture, carried } = recognizeStateDict(shapesOf(name));
    expect(architecture.name).toBe(own);
    const statistics = architecture.parameters.filter(({ kind }) => kind === 'statistic');
    const numbers = statistics.reduce((sum, { shape }) => sum + shape[0]!, 0);
    expect(architecture.parameterCount - numbers).toBe(count);
    expect(carried.length).toBe(statistics.length / 2);
  });

  test('counts the orders of ResNet-18 and ViT by hand', () => {
    const factorial = (n: number) => Array.from({ length: n }, (_, i) => Math.log10(i + 1)).reduce((a, b) => a + b, 0);
    // One space for each stage, and the first convolution of each of its two blocks.
    const resnet = [64, 128, 256, 512].reduce((sum, n) => sum + 3 * factorial(n), 0);
    const order = (name: string) => symmetryGroup(recognizeStateDict(shapesOf(name)).architecture).log10Order;
    expect(order('resnet18')).toBeCloseTo(resnet, 6);
    // The residual stream; in each block 12 heads, 64 channels of q·k and of v·o in each, 3072 hidden neurons.
    const vit = factorial(768) + 12 * (factorial(12) + 24 * factorial(64) + factorial(3072));
    expect(order('vit_b_16')).toBeCloseTo(vit, 5);
  });

  test.each(['mobilenet_v2', 'densenet121'])('%s, which has no scheme, gets an error that asks for JSON', (name) => {
    expect(() => recognizeStateDict(shapesOf(name))).toThrow(/give an architecture as JSON \(option architecture\)/);
  });

  test('names what is left over', () => {
    const tensors = [...shapesOf('resnet18'), { name: 'layer2.0.se.weight', shape: [4, 128] }];
    expect(() => recognizeStateDict(tensors)).toThrow(
      'recognizeStateDict: the tensor must be a part of the scheme torchvision-resnet, got layer2.0.se.weight; give an ' +
        'architecture as JSON (option architecture)',
    );
  });

  test('asks how many heads there are where 64 does not divide the channels', async () => {
    const tensors = (await openCheckpoint(fixture('vit'))).tensors;
    expect(() => recognizeStateDict(tensors)).toThrow(
      "option heads must say how many heads share 6 channels, which 64 doesn't divide, got nothing; pass heads",
    );
    expect(() => recognizeStateDict(tensors, { heads: 4 })).toThrow('option heads must divide 6 channels, got 4');
    const { notes } = recognizeStateDict(shapesOf('vit_b_16'));
    expect(notes.join()).toContain('12 heads of 64 channels are assumed');
  });

  test('claims no signs and scales where activations are not known', async () => {
    const { tensors } = await openCheckpoint(fixture('mlp'));
    const extra = (options: RecognizeOptions) => {
      const { architecture } = recognizeStateDict(tensors, options);
      return architecture.spaces.filter(({ symmetries: { sign, scale } }) => sign || scale).length;
    };
    expect(extra({})).toBe(0);
    expect(extra({ activation: 'tanh' })).toBe(2);
    expect(recognizeStateDict(tensors).notes.join()).toContain('activations aren’t known');
  });

  test('takes a plain CNN without positions for one without strides and poolings, of the same orders', async () => {
    const { tensors } = await openCheckpoint(fixture('cnn'));
    const assumed = recognizeStateDict(tensors);
    const known = recognizeStateDict(tensors, { positions: [4, 4] });
    expect(assumed.architecture.spec.inputs[0]!.positions).toEqual([2, 2]);
    expect(known.architecture.spec.layers.some(({ kind }) => kind === 'max-pool')).toBe(true);
    const orders = [assumed, known].map(({ architecture }) => symmetryGroup(architecture).log10Order);
    expect(orders[0]).toBeCloseTo(orders[1]!, 9);
    expect(assumed.notes.join()).toContain('no strides and poolings are assumed');
  });

  test('takes layers in the order of their names where the file’s order does not fit', () => {
    const tensors = [
      { name: '10.weight', shape: [2, 5] },
      { name: '2.weight', shape: [5, 3] },
      { name: '0.weight', shape: [3, 4] },
    ];
    expect(recognizeStateDict(tensors).architecture.spec.layers.map(({ name }) => name)).toEqual(['0', '2', '10']);
  });

  test('unties weights whose values differ', () => {
    const tensors = [
      ...[
        ['transformer.wte.weight', [7, 64]],
        ['transformer.wpe.weight', [5, 64]],
      ],
      ...[
        ['h.0.ln_1.weight', [64]],
        ['h.0.attn.c_attn.weight', [192, 64]],
        ['h.0.attn.c_proj.weight', [64, 64]],
      ],
      ...[
        ['h.0.ln_2.weight', [64]],
        ['h.0.mlp.c_fc.weight', [256, 64]],
        ['h.0.mlp.c_proj.weight', [64, 256]],
      ],
      ...[
        ['ln_f.weight', [64]],
        ['lm_head.weight', [7, 64]],
      ],
    ].map(([name, shape]) => {
      const own = /^(h|ln_f)/.test(name as string) ? `transformer.${String(name)}` : (name as string);
      return { name: own, shape: shape as number[], bytes: () => Buffer.from(own) };
    });
    const tied = tensors.map(({ name, shape }) => ({ name, shape }));
    const heads = (list: Parameters<typeof recognizeStateDict>[0]) =>
      recognizeStateDict(list).architecture.parameters.filter(({ layer }) => layer === 'lm_head').length;
    expect([heads(tensors), heads(tied)]).toEqual([1, 0]);
  });
});
