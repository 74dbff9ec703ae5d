import { forwardStacked } from '@weightspace/architecture';
import { compile, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { imageSetReader, loadText } from '@weightspace/dataset';
import { createTaskFamily } from '@weightspace/learned-optimizer';
import type { Settings, Task } from '@weightspace/learned-optimizer';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(5);
const sample = (kind: string, settings: Settings = {}, of = stream.split('task')) =>
  createTaskFamily(kind, settings).sample(of);
const parts = ['train', 'validation', 'test'] as const;

async function run(f: (params: Tensors, batch: Tensors) => unknown, params: NdArrays, batch: NdArrays) {
  const compiled = compile(f as never, { threads: 1 }) as unknown as {
    (p: NdArrays, b: NdArrays): Promise<NdArray>;
    release: () => Promise<void>;
  };
  const result = await compiled(params, batch);
  await compiled.release();
  return result;
}
const outputsOf = async (task: Task, params: NdArrays, batch: NdArrays) =>
  (await run((p, b) => forwardStacked(task.architecture, p, b['inputs']!), params, batch)).data;
const lossOf = async (task: Task, params: NdArrays, batch: NdArrays) =>
  (await run((p, b) => task.loss(p, b), params, batch)).data;
const metricsOf = (task: Task, params: NdArrays, batch: NdArrays) =>
  run((p, b) => task.metrics!(p, b), params, batch) as unknown as Promise<NdArrays>;

/** Rows of `[N, B, …]`, as texts. */
function rowsOf(array: NdArray): string[] {
  const size = array.data.length / (array.shape[0]! * array.shape[1]!);
  return Array.from({ length: array.data.length / size }, (_, i) => array.data.slice(i * size, (i + 1) * size).join());
}

describe('parts of the data', () => {
  test.each([
    ['inr-fitting', { side: 8, batch: 500 }],
    ['image-cnn', { set: 'mnist', batch: 300 }],
    ['autoencoder', { set: 'mnist', batch: 300 }],
  ])('%s: nothing of one part is in another', (kind, settings) => {
    const task = sample(kind, settings);
    const seen = parts.map((part) => new Set(rowsOf(task.batch(stream.split(part), part, 2)['inputs']!)));
    for (const [i, one] of seen.entries()) {
      for (const other of seen.slice(i + 1)) expect([...one].filter((row) => other.has(row))).toEqual([]);
    }
    if (kind === 'inr-fitting') expect(seen.map(({ size }) => size)).toEqual([48, 8, 8]);
  });

  test('text: pieces stand in their part, and labels are the bytes behind them', () => {
    const length = 5;
    const text = Buffer.from(loadText('opticks').bytes);
    const task = sample('rnn-language', { length, batch: 400 });
    const ends = { train: [0, 0.8], validation: [0.8, 0.9], test: [0.9, 1] } as const;
    for (const part of parts) {
      const { inputs, labels } = task.batch(stream.split(part), part, 1);
      expect(inputs!.shape).toEqual([1, 400, length, 1]);
      expect(labels!.shape).toEqual([1, 400, length]);
      const [from, to] = ends[part].map((share) => Math.floor(share * text.length)) as [number, number];
      const own = text.subarray(from, to);
      for (let i = 0; i < 400; i++) {
        const read = Array.from(inputs!.data.subarray(i * length, (i + 1) * length));
        const next = Array.from(labels!.data.subarray(i * length, (i + 1) * length));
        expect(next.slice(0, -1)).toEqual(read.slice(1));
        expect(own.includes(Buffer.from([...read, next.at(-1)!]))).toBe(true);
      }
    }
  });

  test('a picture: values are those of the set at their row and column', () => {
    const task = sample('inr-fitting', { images: 'test' });
    const index = Number(/picture (\d+)/.exec(task.name)![1]);
    const { data } = imageSetReader('mnist').load('test').images;
    const { inputs, targets } = task.batch(stream.split('batch'), 'train', 2);
    expect(targets!.shape).toEqual([2, 128, 1]);
    const place = (x: number) => Math.round(((x + 1) / 2) * 27);
    for (let i = 0; i < 256; i++) {
      const [row, column] = [place(inputs!.data[2 * i]!), place(inputs!.data[2 * i + 1]!)];
      expect(targets!.data[i]).toBeCloseTo(data[(index * 28 + row) * 28 + column]! / 255, 6);
    }
    expect(Math.min(...inputs!.data)).toBe(-1);
    expect(Math.max(...inputs!.data)).toBe(1);
  });

  test('images of a CNN have rows, columns and channels, and are those of the MLP', () => {
    const settings = { set: 'mnist', side: 14, batch: 7 };
    const [flat, square] = [sample('image-mlp', settings), sample('image-cnn', settings)].map((task) =>
      task.batch(stream.split('batch'), 'train', 2),
    );
    expect(square!['inputs']!.shape).toEqual([2, 7, 14, 14, 1]);
    expect(square!['inputs']!.data).toEqual(flat!['inputs']!.data);
  });
});

describe('losses and measures', () => {
  test.each(['rnn-language', 'transformer-language'])('%s: those of a loop over bytes', async (kind) => {
    const task = sample(kind, { length: 4, batch: 3, ...(kind === 'rnn-language' && { hidden: [8] }) });
    const [params, batch] = [task.initialize(stream, 2), task.batch(stream.split('batch'), 'test', 2)];
    const logits = await outputsOf(task, params, batch);
    const loss = await lossOf(task, params, batch);
    const { bitsPerByte, accuracy } = await metricsOf(task, params, batch);
    for (let n = 0; n < 2; n++) {
      let [sum, hits] = [0, 0];
      for (let i = n * 12; i < (n + 1) * 12; i++) {
        const own = Array.from(logits.subarray(i * 256, (i + 1) * 256));
        const label = batch['labels']!.data[i]!;
        sum += Math.log(own.reduce((s, z) => s + Math.exp(z), 0)) - own[label]!;
        if (own.indexOf(Math.max(...own)) === label) hits++;
      }
      expect(loss[n]).toBeCloseTo(sum / 12, 4);
      expect(bitsPerByte!.data[n]).toBeCloseTo(sum / 12 / Math.LN2, 4);
      expect(accuracy!.data[n]).toBeCloseTo(hits / 12, 6);
    }
  });

  test('a causal transformer reads nothing of the bytes to come', async () => {
    const task = sample('transformer-language', { length: 6, batch: 1 });
    const params = task.initialize(stream, 1);
    const bytes = [1, 2, 3, 4, 5, 6];
    const given = (list: readonly number[]) => ({ inputs: ndarray(Int32Array.from(list), [1, 1, 6, 1]) });
    const before = await outputsOf(task, params, given(bytes));
    const after = await outputsOf(task, params, given([...bytes.slice(0, 4), 9, 9]));
    expect(after.slice(0, 4 * 256)).toEqual(before.slice(0, 4 * 256));
    expect(after.slice(4 * 256)).not.toEqual(before.slice(4 * 256));
  });

  test.each([
    ['autoencoder', { side: 8, hidden: [5], batch: 6 }],
    ['inr-fitting', { batch: 6 }],
  ])('%s: squared error and PSNR of a loop', async (kind, settings) => {
    const task = sample(kind, settings);
    const [params, batch] = [task.initialize(stream, 2), task.batch(stream.split('batch'), 'validation', 2)];
    const outputs = await outputsOf(task, params, batch);
    const [loss, { psnr }] = [await lossOf(task, params, batch), await metricsOf(task, params, batch)];
    const size = outputs.length / 2;
    for (let n = 0; n < 2; n++) {
      let sum = 0;
      for (let i = n * size; i < (n + 1) * size; i++) sum += (outputs[i]! - batch['targets']!.data[i]!) ** 2;
      expect(loss[n]).toBeCloseTo(sum / size, 5);
      expect(psnr!.data[n]).toBeCloseTo(-10 * Math.log10(sum / size), 3);
    }
  });

  test('autoencoder: the answer ½ costs log 10, normalized, and the cut is half as much more', async () => {
    const task = sample('autoencoder', { set: 'mnist', side: 14, hidden: [1], batch: 512 });
    const { targets } = task.batch(stream.split('batch'), 'train', 4);
    const values = Float32Array.from(targets!.data);
    const error = values.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / values.length;
    const given = { loss: ndarray([error, 0, 1, NaN], [4]) };
    const { data } = await run((p) => task.normalize(p['loss']!), given, {});
    expect(data[0]! / Math.log(10)).toBeCloseTo(1, 1);
    expect(data[1]).toBe(0);
    expect(data[2]).toBeCloseTo(1.5 * Math.log(10), 5);
    expect(data[3]).toBeCloseTo(1.5 * Math.log(10), 5);
  });

  test.each(['image-cnn', 'autoencoder', 'inr-fitting', 'rnn-language', 'transformer-language'])(
    '%s: a start is not at the cut, where nothing would be learned',
    async (kind) => {
      const task = sample(kind, { batch: 16 });
      const given = [task.initialize(stream.split('start'), 2), task.batch(stream.split('batch'), 'train', 2)] as const;
      const { data } = await run((p, b) => task.normalize(task.loss(p, b)), ...given);
      const cut = 1.5 * Math.log(kind.endsWith('language') ? 256 : 10);
      for (const loss of data) expect(loss).toBeLessThan(0.95 * cut);
    },
  );

  test('an irnn starts with the identity and no bias', () => {
    const task = sample('rnn-language', { cell: 'irnn', hidden: [3, 2] });
    const params = task.initialize(stream, 2);
    const [three, two] = [
      [1, 0, 0, 0, 1, 0, 0, 0, 1],
      [1, 0, 0, 1],
    ];
    expect(Array.from(params['rnn1.weight_hh']!.data)).toEqual([...three, ...three]);
    expect(Array.from(params['rnn2.weight_hh']!.data)).toEqual([...two, ...two]);
    expect(params['rnn1.bias_hh']!.data.every((value) => value === 0)).toBe(true);
    expect(task.architecture.spec.layers.find(({ kind }) => kind === 'rnn')!['nonlinearity']).toBe('relu');
    expect(params['rnn1.weight_ih']!.data.some((value) => value !== 0)).toBe(true);
  });
});

test.each([
  ['cnn-family', /cnn (\d+)/, {}],
  ['autoencoder-family', /autoencoder \d+-(\d+)/, {}],
  ['inr-family', /picture (\d+)/, {}],
  ['rnn-language-family', /(rnn|irnn|gru|lstm) /, {}],
  ['transformer-language-family', /transformer (\d+x\d)/, {}],
] as readonly (readonly [string, RegExp, Settings])[])(
  '%s draws other tasks for other streams, the same for the same',
  (kind, of, settings) => {
    const family = createTaskFamily(kind, settings);
    const names = Array.from({ length: 12 }, (_, i) => family.sample(stream.split(i)).name);
    expect(new Set(names).size).toBeGreaterThan(9);
    expect(family.sample(stream.split(3)).name).toBe(names[3]);
    expect(new Set(names.map((name) => of.exec(name)![1])).size).toBeGreaterThan(2);
  },
);

test('parameters of the defaults', () => {
  const count = (kind: string) => sample(kind).architecture.parameterCount;
  expect(count('image-cnn')).toBe(9 * 16 + 16 + 9 * 16 * 32 + 32 + 9 * 32 * 32 + 32 + 32 * 10 + 10);
  expect(count('autoencoder')).toBe(784 * 128 + 128 + 128 * 32 + 32 + 32 * 128 + 128 + 128 * 784 + 784);
  expect(count('inr-fitting')).toBe(1185);
  expect(count('rnn-language')).toBe(256 * 32 + 4 * 64 * (32 + 64 + 2) + 64 * 256 + 256);
  const block = 2 * 64 + 4 * (32 * 32 + 32) + 2 * 4 * 32 * 32 + 128 + 32;
  expect(count('transformer-language')).toBe(256 * 32 + 32 * 32 + 2 * block + 64 + 32 * 256 + 256);
});

test.each([
  ['image-cnn', { kernel: 2 }, 'image-cnn: kernel must be an odd whole number ≥ 1, got 2'],
  ['image-cnn', { norm: 'batch-norm' }, "image-cnn: norm must be of none, layer-norm, instance-norm, got 'batch-norm'"],
  ['image-cnn', { channels: [] }, 'image-cnn: channels must not be empty'],
  ['cnn-family', { sides: [40] }, 'cnn-family: side must be a whole number from 1 to 28 (fashion-mnist), got 40'],
  ['autoencoder', { hidden: [0] }, 'autoencoder: hidden[0] must be a whole number ≥ 1, got 0'],
  [
    'autoencoder-family',
    { codes: [3, 2] },
    'autoencoder-family: codes must be two rising whole numbers ≥ 1, got [3, 2]',
  ],
  ['inr-fitting', { images: 'all' }, "inr-fitting: images must be of train, validation, test, got 'all'"],
  ['inr-fitting', { side: 2 }, 'inr-fitting: side must be at least 3, for pixels to hold out, got 2'],
  ['inr-fitting', { init: 'orthogonal' }, "inr-fitting: init must be of siren, dws-siren, got 'orthogonal'"],
  ['inr-family', { omegas: [0, 1] }, 'inr-family: omegas must be two rising finite numbers above 0, got [0, 1]'],
  ['rnn-language', { text: 'cats' }, "rnn-language: text must be of opticks, got 'cats'"],
  ['rnn-language', { cell: 'mamba' }, "rnn-language: cell must be of rnn, irnn, gru, lstm, got 'mamba'"],
  ['rnn-language', { length: 30_000 }, 'rnn-language: length must be a whole number from 1 to 24'],
  ['rnn-language-family', { cells: [] }, 'rnn-language-family: cells must not be empty'],
  ['transformer-language', { heads: 5 }, 'transformer-language: heads must divide width 32, got 5'],
  ['transformer-language-family', { inits: ['ones'] }, 'transformer-language-family: inits must be of siren'],
] as readonly (readonly [string, Settings, string])[])('%s with %j is refused', (kind, settings, message) => {
  expect(() => sample(kind, settings)).toThrow(message);
});
