import { compile, RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { createTaskFamily } from '@weightspace/learned-optimizer';
import type { Settings, Task } from '@weightspace/learned-optimizer';
import { act, permutationGroup, testElements } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(7);
const sample = (kind: string, settings: Settings) => createTaskFamily(kind, settings).sample(stream.split('task'));

/** Space, its size, and the space that it is within. */
const cases: readonly (readonly [string, Settings, readonly (readonly [string, number, string?])[]])[] = [
  [
    'image-cnn',
    { side: 8, channels: [3, 4], pool: 'flatten', batch: 4 },
    [
      ['conv1', 3],
      ['conv2', 4],
    ],
  ],
  [
    'autoencoder',
    { side: 8, hidden: [5, 2, 5], batch: 4 },
    [
      ['h1', 5],
      ['h2', 2],
      ['h3', 5],
    ],
  ],
  [
    'inr-fitting',
    { hidden: [4, 5], batch: 8 },
    [
      ['h1', 4],
      ['h2', 5],
    ],
  ],
  [
    'rnn-language',
    { cell: 'irnn', embedding: 3, hidden: [4], length: 4, batch: 4 },
    [
      ['embed', 3],
      ['rnn1', 4],
    ],
  ],
  [
    'rnn-language',
    { cell: 'lstm', embedding: 3, hidden: [4, 5], length: 4, batch: 4 },
    [
      ['embed', 3],
      ['lstm1', 4],
      ['lstm2', 5],
    ],
  ],
  [
    'rnn-language',
    { cell: 'gru', embedding: 3, hidden: [4], length: 4, batch: 4 },
    [
      ['embed', 3],
      ['gru1', 4],
    ],
  ],
  [
    'transformer-language',
    { width: 8, heads: 2, widening: 1, length: 4, batch: 4 },
    [
      ['embed', 8],
      ['block1_attention.head', 2],
      ['block1_attention.qk', 4, 'block1_attention.head'],
      ['block1_attention.vo', 4, 'block1_attention.head'],
      ['block1_fc1', 8],
      ['block2_attention.head', 2],
      ['block2_attention.qk', 4, 'block2_attention.head'],
      ['block2_attention.vo', 4, 'block2_attention.head'],
      ['block2_fc1', 8],
    ],
  ],
];

describe.each(cases)('%s %j', (kind, settings, wanted) => {
  const task = sample(kind, settings);
  const { architecture } = task;
  const group = permutationGroup(architecture);

  test('has the spaces of its architecture', () => {
    const found = group.spaces.map(({ name, size, within }) => [name, size, ...(within ? [within.space] : [])]);
    expect(found.sort()).toEqual([...wanted].map((space) => [...space]).sort());
  });

  test('keeps its loss where all axes of a space are permuted, and not where one parameter is left as it was', async () => {
    const batch = task.batch(stream.split('batch'), 'train', 1);
    // Far from the start, where biases and norms aren't all alike.
    const start = task.initialize(stream.split('start'), 1);
    const params = Object.fromEntries(
      Object.entries(start).map(([name, array]) => {
        const noise = stream.split('noise').split(name).normal(array.shape, 0, 0.5);
        return [name, { ...array, data: array.data.map((value, i) => value + noise.data[i]!) } as NdArray];
      }),
    );
    const loss = compile((p: Tensors, b: Tensors) => task.loss(p, b), { threads: 1 });
    const at = async (p: NdArrays) => ((await loss(p as never, batch as never)) as unknown as NdArray).data[0]!;
    const before = await at(params);
    for (const element of testElements(group, stream.split('elements'))) {
      const moved = act(architecture, element, params);
      expect(Math.abs((await at(moved)) - before)).toBeLessThan(1e-4 * before);
      const changed = Object.keys(params).filter((name) =>
        moved[name]!.data.some((x, i) => x !== params[name]!.data[i]),
      );
      expect(changed.length).toBeGreaterThan(1);
      for (const name of changed) {
        expect([name, Math.abs((await at({ ...moved, [name]: params[name]! })) - before) > 1e-5]).toEqual([name, true]);
      }
    }
    await loss.release();
  });
});

describe('ties', () => {
  const lossesOf = async (task: Task, all: readonly NdArrays[]): Promise<number[]> => {
    const batch = task.batch(stream.split('batch'), 'train', 1);
    const loss = compile((p: Tensors, b: Tensors) => task.loss(p, b), { threads: 1 });
    const losses: number[] = [];
    for (const params of all)
      losses.push(((await loss(params as never, batch as never)) as unknown as NdArray).data[0]!);
    await loss.release();
    return losses;
  };

  test('recurrent weights: rows and columns go together', async () => {
    const task = sample('rnn-language', { cell: 'rnn', embedding: 3, hidden: [4], length: 4, batch: 4 });
    const params = task.initialize(stream, 1);
    const moved = act(task.architecture, { rnn1: { permutation: Int32Array.of(1, 0, 2, 3) } } as never, params);
    const hh = params['rnn1.weight_hh']!;
    const rowsOnly = hh.data.map((_, i) => hh.data[i < 4 ? i + 4 : i < 8 ? i - 4 : i]!);
    const broken = { ...moved, 'rnn1.weight_hh': { ...hh, data: rowsOnly } as NdArray };
    const [before, together, apart] = await lossesOf(task, [params, moved, broken]);
    expect(together).toBeCloseTo(before!, 5);
    expect(Math.abs(apart! - before!)).toBeGreaterThan(1e-5);
  });

  test("a transformer's stream: one order for all blocks; UNF's published one for each changes the loss", async () => {
    const task = sample('transformer-language', { width: 8, heads: 2, length: 4, batch: 4 });
    const params = task.initialize(stream, 1);
    const order = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 0);
    const moved = act(task.architecture, { embed: { permutation: order } } as never, params);
    const later = /^(block2|norm|head)/;
    const split = Object.fromEntries(
      Object.keys(params).map((name) => [name, later.test(name) ? params[name]! : moved[name]!]),
    );
    const [before, together, apart] = await lossesOf(task, [params, moved, split]);
    expect(together).toBeCloseTo(before!, 4);
    expect(Math.abs(apart! - before!)).toBeGreaterThan(1e-2);
  });
});
