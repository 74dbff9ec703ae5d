/** Operators that PyTorch 1.13 doesn't export from small modules, in models written by hand. */
import { permutationGroup } from '@weightspace/symmetry';
import { verifyOnnx } from '@weightspace/checkpoint';
import type { Verification } from '@weightspace/checkpoint';
import { describe, expect, test } from 'vitest';

import { bytes, floats, longs, model, node, scalar, scales, typed } from './onnx-model.ts';
import type { ModelParts } from './onnx-model.ts';

const logFactorial = (n: number): number => (n < 2 ? 0 : Math.log10(n) + logFactorial(n - 1));

/** Recognizes and verifies; the group must have the product of the factorials of these numbers as its order. */
async function expectOrder(parts: ModelParts, factorials: readonly number[]): Promise<Verification> {
  const verification = await verifyOnnx(model(parts));
  expect(verification.error).toBeLessThan(1e-5);
  expect(verification.preserved).toBe(true);
  const order = permutationGroup(verification.network).log10Order;
  expect(order).toBeCloseTo(
    factorials.reduce((sum, n) => sum + logFactorial(n), 0),
    9,
  );
  expect(verification.nontrivial).toBe(order > 0);
  return verification;
}

const matMul = (x: string, w: string, y: string) => node('MatMul', [x, w], [y]);
const frozenOf = ({ network }: Verification) => network.frozen.map(({ op, reason }) => `${op}: ${reason}`);

describe('quantized networks', () => {
  const quantize = (x: string, y: string) => [
    node('QuantizeLinear', [x, 'step', 'middle'], [`${y}.q`]),
    node('DequantizeLinear', [`${y}.q`, 'step', 'middle'], [y]),
  ];

  test('with a scale for each channel of a weight move weights, scales and zero points together', async () => {
    const { network, moved } = await expectOrder(
      {
        inputs: { x: [2, 3, 4, 5] },
        tensors: [
          scalar('step', 0.05),
          bytes('middle', [], 'UINT8', true),
          ...[bytes('w1', [5, 3, 3, 3], 'INT8'), scales('s1', [5]), bytes('z1', [5], 'INT8', true), floats('b1', [5])],
          ...[bytes('w2', [4, 5, 1, 1], 'INT8'), scales('s2', [4]), bytes('z2', [4], 'INT8', true)],
          ...[bytes('w3', [2, 4, 1, 1], 'INT8'), scales('s3', [2]), bytes('z3', [2], 'INT8', true)],
        ],
        nodes: [
          ...quantize('x', 'a'),
          ...[1, 2, 3].map((i) => node('DequantizeLinear', [`w${i}`, `s${i}`, `z${i}`], [`v${i}`], { axis: 0 })),
          node('Conv', ['a', 'v1', 'b1'], ['c'], { pads: [1, 1, 1, 1] }),
          node('Relu', ['c'], ['d']),
          ...quantize('d', 'e'),
          node('Conv', ['e', 'v2'], ['f']),
          ...quantize('f', 'g'),
          node('Conv', ['g', 'v3'], ['y']),
        ],
        outputs: ['y'],
      },
      [5, 4],
    );
    expect(moved).toBe(true);
    expect(network.frozen).toEqual([]);
    const channels = network.parameters.find(({ name }) => name === 'w1')!;
    for (const name of ['s1', 'z1', 'b1']) {
      expect(network.parameters.find((parameter) => parameter.name === name)!.axes).toEqual(channels.axes.slice(0, 1));
    }
    expect(channels.kind).toBe('weight');
    expect(network.constants).toContain('step');
  });

  test('with whole-number operators', async () => {
    await expectOrder(
      {
        inputs: { x: [2, 3, 4] },
        tensors: [
          ...[scalar('step', 0.05), bytes('middle', [], 'UINT8', true)],
          ...[
            bytes('w1', [5, 3, 3], 'INT8'),
            scales('s1', [5]),
            bytes('z1', [5], 'INT8', true),
            bytes('b1', [5], 'INT32'),
          ],
          ...[bytes('w2', [4, 5, 1], 'INT8'), bytes('w3', [4, 7], 'INT8'), floats('w4', [7, 2])],
          longs('shape', [2, 4, 4]),
        ],
        nodes: [
          node('QuantizeLinear', ['x', 'step', 'middle'], ['a']),
          node('QLinearConv', ['a', 'step', 'middle', 'w1', 's1', 'z1', 'step', 'middle', 'b1'], ['b'], {
            pads: [1, 1],
          }),
          node('ConvInteger', ['b', 'w2', 'middle'], ['c']),
          node('Cast', ['c'], ['d'], { to: 1 }),
          node('DynamicQuantizeLinear', ['d'], ['e', 'e.step', 'e.middle']),
          node('Transpose', ['e'], ['f'], { perm: [0, 2, 1] }),
          node('MatMulInteger', ['f', 'w3', 'e.middle'], ['g']),
          node('Cast', ['g'], ['h'], { to: 1 }),
          matMul('h', 'w4', 'y'),
        ],
        outputs: ['y'],
      },
      [5, 4, 7],
    );
  });
});

describe('what is not known', () => {
  const tensors = [floats('w1', [3, 5]), floats('w2', [5, 4]), floats('w3', [4, 2])];

  test('is frozen and reported, and the rest keeps its group', async () => {
    const verification = await expectOrder(
      {
        inputs: { x: [6, 3] },
        tensors,
        nodes: [matMul('x', 'w1', 'a'), node('Trilu', ['a'], ['b']), matMul('b', 'w2', 'c'), matMul('c', 'w3', 'y')],
        outputs: ['y'],
        opset: 14,
      },
      [4],
    );
    expect(frozenOf(verification)).toEqual(['Trilu: the operator Trilu is not known']);
    expect(verification.network.frozen[0]!.node).toBe('Trilu_b');
  });

  test('is frozen in bodies of loops with all that they read from outside, and their own weights', async () => {
    const body = {
      name: 'body',
      input: [typed('i', 'INT64', []), typed('go', 'BOOL', []), typed('state', 'FLOAT', [6, 5])],
      output: [typed('goes', 'BOOL', []), typed('next', 'FLOAT', [6, 5])],
      initializer: [floats('inner', [5, 5], 0.3)],
      node: [
        node('Identity', ['go'], ['goes']),
        matMul('state', 'inner', 'mixed'),
        node('Add', ['mixed', 'shift'], ['next']),
      ],
    };
    const verification = await expectOrder(
      {
        inputs: { x: [6, 3] },
        tensors: [...tensors, floats('shift', [5]), longs('times', [3], []), bytes('yes.int', [], 'INT32')],
        nodes: [
          node('Cast', ['yes.int'], ['yes'], { to: 9 }),
          matMul('x', 'w1', 'a'),
          node('Loop', ['times', 'yes', 'a'], ['b'], { body: { graph: body } }),
          matMul('b', 'w2', 'c'),
          matMul('c', 'w3', 'y'),
        ],
        outputs: ['y'],
      },
      [4],
    );
    expect(frozenOf(verification)).toEqual(['Loop: it has graphs inside that are not walked through']);
    expect(verification.network.parameters.map(({ name }) => name)).toContain('inner');
  });
});

describe('norms', () => {
  const stem = [floats('w1', [3, 6]), floats('w2', [6, 2])];

  test.each([
    ['LayerNormalization', 17, [node('LayerNormalization', ['a', 's', 't'], ['b'])]],
    [
      'a decomposed layer norm',
      13,
      [
        node('ReduceMean', ['a'], ['m'], { axes: [-1] }),
        node('Sub', ['a', 'm'], ['d']),
        node('Pow', ['d', 'two'], ['d2']),
        node('ReduceMean', ['d2'], ['v'], { axes: [-1] }),
        node('Add', ['v', 'small'], ['v1']),
        node('Sqrt', ['v1'], ['r']),
        node('Div', ['d', 'r'], ['n']),
        node('Mul', ['n', 's'], ['n1']),
        node('Add', ['n1', 't'], ['b']),
      ],
    ],
  ])('%s keep one order before and behind', async (_, opset, norm) => {
    await expectOrder(
      {
        inputs: { x: [4, 3] },
        tensors: [...stem, floats('s', [6]), floats('t', [6]), scalar('two', 2), scalar('small', 1e-5)],
        nodes: [matMul('x', 'w1', 'a'), ...norm, matMul('b', 'w2', 'y')],
        outputs: ['y'],
        opset,
      },
      [6],
    );
  });

  test('over neighbouring channels fix their order', async () => {
    await expectOrder(
      {
        inputs: { x: [2, 3, 4, 4] },
        tensors: [floats('w1', [6, 3, 1, 1]), floats('w2', [2, 6, 1, 1])],
        nodes: [
          node('Conv', ['x', 'w1'], ['a']),
          node('LRN', ['a'], ['b'], { size: 3, alpha: { float: 1 } }),
          node('Conv', ['b', 'w2'], ['y']),
        ],
        outputs: ['y'],
      },
      [],
    );
  });
});

describe('families of orders', () => {
  test('of what is summed over with its parent gone become one order', async () => {
    // [2 blocks, 3 each]: the mean over blocks leaves each place with one order for both blocks.
    await expectOrder(
      {
        inputs: { x: [4, 3] },
        tensors: [floats('w1', [3, 6]), longs('shape', [4, 2, 3]), floats('w2', [3, 2])],
        nodes: [
          matMul('x', 'w1', 'a'),
          node('Relu', ['a'], ['a1']),
          node('Reshape', ['a1', 'shape'], ['b']),
          node('ReduceMean', ['b'], ['c'], { axes: [1], keepdims: 0 }),
          matMul('c', 'w2', 'y'),
        ],
        outputs: ['y'],
      },
      [2, 3],
    );
  });

  test('of matrices in a stack stay independent', async () => {
    // Two experts of five hidden neurons each; the experts' outputs are summed.
    await expectOrder(
      {
        inputs: { x: [1, 4, 3] },
        tensors: [floats('w1', [2, 3, 5]), floats('b1', [2, 1, 5]), floats('w2', [2, 5, 2]), longs('first', [0])],
        nodes: [
          matMul('x', 'w1', 'a'),
          node('Add', ['a', 'b1'], ['a1']),
          node('Relu', ['a1'], ['b']),
          matMul('b', 'w2', 'c'),
          node('ReduceSum', ['c', 'first'], ['y'], { keepdims: 0 }),
        ],
        outputs: ['y'],
      },
      [2, 5, 5],
    );
  });
});

describe('Einsum, Tile, Pad and Slice', () => {
  test('follow letters, copies and parts', async () => {
    await expectOrder(
      {
        inputs: { x: [4, 3] },
        tensors: [
          ...[floats('w1', [3, 5]), floats('w2', [13, 4]), floats('w3', [4, 2])],
          ...[longs('copies', [1, 2]), longs('pads', [0, 1, 0, 2])],
        ],
        nodes: [
          node('Einsum', ['x', 'w1'], ['a'], { equation: 'bi,ij->bj' }),
          node('Tile', ['a', 'copies'], ['b']),
          node('Pad', ['b', 'pads'], ['c']),
          node('Einsum', ['c', 'w2'], ['d'], { equation: 'bj,jk->bk' }),
          node('Tanh', ['d'], ['e']),
          matMul('e', 'w3', 'y'),
        ],
        outputs: ['y'],
      },
      // The two copies may change places in what reads them.
      [5, 4, 2],
    );
  });

  test('tell parts of an axis apart', async () => {
    // Of seven neurons the first three are gates of the next three, and the last goes its own way.
    await expectOrder(
      {
        inputs: { x: [4, 3] },
        tensors: [
          ...[floats('w1', [3, 7]), floats('w2', [4, 2])],
          ...[longs('0', [0]), longs('3', [3]), longs('6', [6]), longs('7', [7]), longs('1', [1])],
        ],
        nodes: [
          matMul('x', 'w1', 'a'),
          node('Slice', ['a', '0', '3', '1'], ['g']),
          node('Slice', ['a', '3', '6', '1'], ['h']),
          node('Slice', ['a', '6', '7', '1'], ['l']),
          node('Sigmoid', ['g'], ['g1']),
          node('Mul', ['g1', 'h'], ['m']),
          node('Concat', ['m', 'l'], ['c'], { axis: 1 }),
          matMul('c', 'w2', 'y'),
        ],
        outputs: ['y'],
      },
      [3],
    );
  });
});

describe('scale, sign and phase', () => {
  const scaled = ({ network }: Verification) =>
    network.spaces.filter(({ symmetries }) => symmetries.scale).map(({ size }) => size);

  test('are not claimed where a depthwise convolution reads and writes the same channels', async () => {
    const verification = await expectOrder(
      {
        inputs: { x: [2, 3, 4, 5] },
        tensors: [
          floats('w1', [5, 3, 1, 1]),
          floats('w2', [5, 1, 3, 3]),
          floats('w3', [4, 5, 1, 1]),
          floats('w4', [2, 4, 1, 1]),
        ],
        nodes: [
          node('Conv', ['x', 'w1'], ['a']),
          node('Relu', ['a'], ['b']),
          node('Conv', ['b', 'w2'], ['c'], { group: 5 }),
          node('Relu', ['c'], ['d']),
          node('Conv', ['d', 'w3'], ['e']),
          node('Relu', ['e'], ['f']),
          node('Conv', ['f', 'w4'], ['y']),
        ],
        outputs: ['y'],
      },
      [5, 4],
    );
    expect(scaled(verification)).toEqual([4]);
  });

  test('are not claimed where the neurons are summed up, or compared with each other', async () => {
    const tensors = [floats('w1', [3, 5]), floats('w2', [5, 4]), floats('w3', [4, 2])];
    const sum = node('ReduceSum', ['h', 'last'], ['s']);
    for (const [second, add] of [
      [sum, node('Mul', ['h', 's'], ['g'])],
      [node('Softmax', ['h'], ['s']), node('Identity', ['s'], ['g'])],
    ] as const) {
      const verification = await expectOrder(
        {
          inputs: { x: [6, 3] },
          tensors: [...tensors, longs('last', [-1])],
          nodes: [
            matMul('x', 'w1', 'a'),
            node('Relu', ['a'], ['h']),
            second,
            add,
            matMul('g', 'w2', 'b'),
            node('Relu', ['b'], ['c']),
            matMul('c', 'w3', 'y'),
          ],
          outputs: ['y'],
        },
        [5, 4],
      );
      expect(scaled(verification)).toEqual([4]);
    }
  });
});
