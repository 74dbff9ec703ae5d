import {
  ArgumentError,
  compile,
  DeviceError,
  ExecutionError,
  exportOnnx,
  ndarray,
  RandomStream,
  registerTraceKernel,
  scalar,
  tf,
  TraceError,
  zeros,
} from '@weightspace/compute';
import type { Compiled, NdArray, Tensor } from '@weightspace/compute';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

const einsum = Reflect.get(tf, 'einsum') as (equation: string, ...tensors: Tensor[]) => Tensor;
type Call = (...args: unknown[]) => Promise<never>;
const compiled = (
  f: (...xs: never[]) => unknown,
  options = {},
): Call & { statistics: () => { graphs: number; nodes: number; flops: number } } =>
  compile(f as never, { threads: 1, ...options }) as never;
const stream = RandomStream.fromSeed(3);
const [x, w] = [stream.split('x').normal([7, 5]), stream.split('w').normal([5, 3])];

describe('compile', () => {
  test('keeps the nesting of arguments and results', async () => {
    const f = compiled((p: { w: Tensor; list: Tensor[] }, y: Tensor) => ({
      a: [tf.mul(p.w, y)],
      b: { c: p.list[1]! },
    }));
    const result: { a: NdArray[]; b: { c: NdArray } } = await f(
      { w: ndarray([1, 2], [2]), list: [scalar(5), scalar(7)] },
      scalar(3),
    );
    expect([...result.a[0]!.data]).toEqual([3, 6]);
    expect([...result.b.c.data]).toEqual([7]);
    expect(result.b.c.shape).toEqual([]);
  });

  test('traces once per signature', async () => {
    const f = compiled((a: Tensor) => tf.sum(a));
    await f(zeros([3]));
    await f(zeros([3]));
    expect(f.statistics().graphs).toBe(1);
    await f(zeros([4]));
    expect(f.statistics().graphs).toBe(2);
  });

  test('tells an empty record from none', async () => {
    const f = compiled((y: Tensor, noise?: Record<string, Tensor>) => (noise ? tf.neg(y) : y));
    for (const [noise, want] of [
      [{}, -3],
      [undefined, 3],
      [{}, -3],
    ] as const) {
      const y: NdArray = await f(scalar(3), noise);
      expect(y.data[0]).toBe(want);
    }
    expect(f.statistics().graphs).toBe(2);
  });

  test('traces once for records that differ in the order of their names', async () => {
    const f = compiled((p: { a: Tensor; b: Tensor }) => tf.sub(p.a, p.b));
    expect([...((await f({ a: scalar(5), b: scalar(3) })) as NdArray).data]).toEqual([2]);
    expect([...((await f({ b: scalar(3), a: scalar(5) })) as NdArray).data]).toEqual([2]);
    expect(f.statistics().graphs).toBe(1);
  });

  test.each<[string, (a: Tensor, b: Tensor) => Tensor, number[], number[], number]>([
    ['a product', (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D), [7, 5], [5, 3], 2 * 7 * 5 * 3],
    [
      'a product of transposes',
      (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, true, true),
      [5, 7],
      [3, 5],
      2 * 7 * 5 * 3,
    ],
    ['a batch of products', (a, b) => tf.matMul(a, b), [4, 7, 5], [4, 5, 3], 2 * 4 * 7 * 5 * 3],
    [
      'a convolution',
      (a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'valid'),
      [2, 6, 7, 3],
      [3, 2, 3, 5],
      2 * (2 * 4 * 6 * 5) * (3 * 2 * 3),
    ],
    ['elementwise work, which does not count', (a, b) => tf.sin(tf.add(a, b)), [7, 5], [7, 5], 0],
  ])('counts the operations of %s', async (_, f, a, b, flops) => {
    const counted = compiled(f as never);
    await counted(stream.split('p').normal(a), stream.split('q').normal(b));
    expect(counted.statistics().flops).toBe(flops);
  });

  test('gives fresh results unless told to recycle', async () => {
    const f = (a: Tensor) => tf.add(a, 1);
    const [fresh, recycling] = [compiled(f), compiled(f, { recycle: true })];
    const first: NdArray = await fresh(scalar(1));
    await fresh(scalar(2));
    await fresh(scalar(3));
    expect(first.data[0]).toBe(2);
    const kept: NdArray = await recycling(scalar(1));
    await recycling(scalar(2));
    expect(kept.data[0]).toBe(2);
    await recycling(scalar(3));
    expect(kept.data[0]).toBe(4);
  });

  test('refuses a recycled result that it would overwrite, and goes on with the last one', async () => {
    const step = compiled((a: Tensor) => tf.add(a, 1), { recycle: true, name: 'step' });
    const first: NdArray = await step(scalar(1));
    const second: NdArray = await step(first);
    await expect(step(first)).rejects.toThrow(
      'step: argument 0 is a recycled result of the call before the last, which this call would overwrite; pass the last result, or copy it',
    );
    expect(((await step(second)) as NdArray).data[0]).toBe(4);
  });

  test('takes and gives integers and booleans', async () => {
    const f = compiled((i: Tensor, b: Tensor) => ({
      i,
      b,
      sum: tf.add(tf.cast(i, 'float32'), 0.5),
      not: tf.logicalNot(b),
    }));
    const result: Record<string, NdArray> = await f(
      ndarray(Int32Array.of(1, -5), [2]),
      ndarray(Uint8Array.of(1, 0), [2]),
    );
    expect(Object.entries(result).map(([name, { dtype, data }]) => [name, dtype, ...data])).toEqual([
      ['i', 'int32', 1, -5],
      ['b', 'bool', 1, 0],
      ['sum', 'float32', 1.5, -4.5],
      ['not', 'bool', 0, 1],
    ]);
  });

  test('runs calls at once, and anew after a release', async () => {
    const double = compiled((a: Tensor) => tf.mul(a, 2)) as unknown as Compiled<[Tensor], Tensor>;
    const results = await Promise.all([1, 2, 3, 4].map((value) => double(scalar(value))));
    expect(results.map(({ data }) => data[0])).toEqual([2, 4, 6, 8]);
    await double.release();
    expect((await double(scalar(5))).data[0]).toBe(10);
    expect(double.statistics().graphs).toBe(1);
  });

  test('feeds a recycled state back to itself', async () => {
    const step = compiled((s: { p: Tensor; n: Tensor }) => ({ p: tf.mul(s.p, 2), n: tf.add(s.n, 1) }), {
      recycle: true,
    });
    let state: unknown = { p: ndarray([1, 3], [2]), n: scalar(0) };
    for (let i = 0; i < 10; i++) state = await step(state);
    expect([...(state as { p: NdArray }).p.data]).toEqual([1024, 3072]);
    expect((state as { n: NdArray }).n.data[0]).toBe(10);
  });

  test('gives the same bits with one and with two threads, and again', async () => {
    const f = (a: Tensor, b: Tensor) =>
      tf.grad((u) => tf.sum(tf.relu(tf.matMul(u as tf.Tensor2D, b as tf.Tensor2D))))(a);
    const [big, right] = [stream.split('big').normal([300, 200]), stream.split('right').normal([200, 250])];
    const runs: NdArray[] = [
      await compiled(f)(big, right),
      await compiled(f, { threads: 2 })(big, right),
      await compiled(f)(big, right),
    ];
    expect(Buffer.from(runs[1]!.data.buffer).equals(Buffer.from(runs[0]!.data.buffer))).toBe(true);
    expect(Buffer.from(runs[2]!.data.buffer).equals(Buffer.from(runs[0]!.data.buffer))).toBe(true);
  });

  test('writes no large constant: ones, zeros and fills are one number and a shape', () => {
    const bytes = exportOnnx(
      ((a: Tensor) =>
        tf.matMul(a as tf.Tensor2D, tf.concat([tf.ones([500, 400]), tf.zeros([500, 3])], 1) as tf.Tensor2D)) as never,
      [zeros([2, 500])] as never,
    );
    expect(bytes.length).toBeLessThan(2000);
  });

  test('writes equal constants once and drops what no result needs', () => {
    const table = [...Array(1000).keys()];
    const once = exportOnnx(((a: Tensor) => tf.mul(a, tf.tensor(table))) as never, [zeros([1000])] as never);
    const twice = exportOnnx(
      ((a: Tensor) => {
        tf.exp(a);
        return tf.mul(tf.mul(a, tf.tensor(table)), tf.tensor(table));
      }) as never,
      [zeros([1000])] as never,
    );
    expect(twice.length - once.length).toBeLessThan(200);
    expect(Buffer.from(twice).includes('Exp')).toBe(false);
  });

  test('x·1, x+0 and mean gradients leave no work behind', async () => {
    const f = compiled((a: Tensor) => tf.add(tf.mul(a, tf.ones([7, 5])), tf.zeros([5])));
    expect(await f(x)).toEqual(x);
    expect(f.statistics().nodes).toBe(0);
    const g = compiled((a: Tensor) => tf.grad((u) => tf.mean(u))(a));
    const gradient: NdArray = await g(x);
    expect([...gradient.data]).toEqual(Array(35).fill(Math.fround(1 / 35)));
  });

  test('runs eagerly by the same call', async () => {
    const f = (a: Tensor, b: Tensor) => ({ y: tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D) });
    const [native, eager]: { y: NdArray }[] = [await compiled(f)(x, w), await compiled(f, { device: 'eager' })(x, w)];
    expect(native!.y.shape).toEqual([7, 3]);
    native!.y.data.forEach((value, i) => expect(value).toBeCloseTo(eager!.y.data[i]!, 5));
  });

  test('leaves no tensors in tfjs and its backend as it was', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    await compiled((a: Tensor) => tf.exp(tf.mul(a, 2)))(x);
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
  });
});

describe('what cannot be compiled says so', () => {
  test.each([
    ['reading values', (a: Tensor) => tf.scalar(a.dataSync()[0]!), "reads a tensor's values"],
    [
      'hidden randomness',
      (a: Tensor) => tf.add(a, tf.randomNormal([7, 5])),
      "isn't pure: traced twice, it gave two graphs",
    ],
    [
      'an operation without a kernel',
      (a: Tensor) => tf.fft(tf.complex(a, a)),
      'compile: sample uses Complex, which has no compiled kernel',
    ],
    [
      'a gradient that tfjs has none for',
      (a: Tensor) => tf.grad((u) => tf.sum(einsum('ij->ji', u)))(a),
      'compile: sample takes the gradient of Einsum, which tfjs has none for',
    ],
    [
      'images with channels first',
      (a: Tensor) => tf.conv2d(tf.reshape(a, [1, 1, 7, 5]) as tf.Tensor4D, tf.ones([2, 2, 1, 1]), 1, 'valid', 'NCHW'),
      'compile: conv2d must have dataFormat NHWC, got NCHW; transpose the input',
    ],
    [
      'depthToSpace with channels first',
      (a: Tensor) => tf.depthToSpace(tf.reshape(tf.slice(a, [0, 0], [4, 5]), [1, 4, 5, 1]) as tf.Tensor4D, 2, 'NCHW'),
      'compile: depthToSpace must have dataFormat NHWC, got NCHW; transpose the input',
    ],
    [
      'the largest of nothing',
      (a: Tensor) => tf.argMax(tf.slice(a, [0, 0], [0, 5]), 0),
      'compile: ArgMax over an axis of size 0 has no answer',
    ],
    [
      'gather within batches along another axis',
      (a: Tensor) => tf.gather(tf.reshape(a, [7, 5, 1]), tf.zeros([7, 1], 'int32') as never, 2, 1),
      'compile: gather with batchDims 1 needs axis 1, got 2; transpose first',
    ],
  ])('%s', async (_, f, message) => {
    await expect(compiled(f as never, { name: 'sample' })(x)).rejects.toThrow(message);
    await expect(compiled(f as never, { name: 'sample' })(x)).rejects.toThrow(TraceError);
  });

  test('an async function', async () => {
    await expect(compiled((async (a: Tensor) => a) as never, { name: 'late' })(x)).rejects.toThrow(
      'late must not be async',
    );
  });

  test.each([
    ['cuda', /^compile: device 'cuda' can't be used here: .*use device 'cpu', or give ONNX Runtime what cuda needs/s],
    ['webgpu', /^compile: device 'webgpu' can't be used here: .*use device 'cpu'/s],
    ['tensorflow', /^device 'tensorflow' needs the package @tensorflow\/tfjs-node-gpu or .*use device 'cpu'/],
    ['gpu', 'compile(sample): device must be one of cpu, cuda, webgpu, tensorflow, eager, got gpu'],
  ])('a device that this machine does not have: %s', async (device, message) => {
    const run = compiled((a: Tensor) => a, { device, name: 'sample' })(x);
    await expect(run).rejects.toThrow(DeviceError);
    await expect(run).rejects.toThrow(message);
  });

  test('a number of threads that there is none of', async () => {
    await expect(compiled((a: Tensor) => a, { threads: 0, name: 'sample' })(x)).rejects.toThrow(
      'compile(sample): threads must be a positive whole number, got 0',
    );
  });

  test.each<[string, unknown, string]>([
    [
      'a number',
      3,
      '0 must be an array, a tensor, a list or a record of them, got 3; make one with ndarray(values, shape)',
    ],
    ['a list of numbers', { w: [1] }, '0.w.0 must be an array, a tensor, a list or a record of them, got 1'],
    ['too few values', { ...zeros([3]), data: new Float32Array(2) }, '0 of shape [3] must hold 3 values, got 2'],
    [
      'doubles',
      { ...zeros([3]), data: new Float64Array(3) },
      '0 must hold float32 in a Float32Array, got a Float64Array',
    ],
    ['an unknown dtype', { ...zeros([3]), dtype: 'float64' }, '0 must have dtype float32, int32, bool, got float64'],
    ['a negative size', { ...zeros([1]), shape: [-1] }, '0 must have a shape of whole numbers ≥ 0, got [-1]'],
    [
      'a name twice',
      { 'a.b': scalar(1), a: { b: scalar(2) } },
      '0.a.b is there twice: a name with a dot reads like a nested one',
    ],
  ])('an argument that is %s', async (_, argument, message) => {
    const run = compiled((a: Tensor) => a, { name: 'sample' })(argument);
    await expect(run).rejects.toThrow(ArgumentError);
    await expect(run).rejects.toThrow(`sample: argument ${message}`);
  });

  test.each<[string, (a: Tensor) => unknown, string]>([
    [
      'a number',
      () => 3,
      'compile: sample: in its result, the value must be an array, a tensor, a list or a record of them, got 3',
    ],
    [
      'a name twice',
      (a) => ({ 'p.q': a, p: { q: a } }),
      'compile: sample gives p.q twice: a name with a dot reads like a nested one',
    ],
    ['of shapes that disagree', (a) => tf.add(a, tf.ones([2])), "compile: shapes [7, 5] and [2] don't broadcast"],
  ])('a result that is %s', async (_, f, message) => {
    await expect(compiled(f as never, { name: 'sample' })(x)).rejects.toThrow(message);
  });

  test('what fails while it runs', async () => {
    const f = compiled((a: Tensor, i: Tensor) => tf.gather(a, i as tf.Tensor1D), { name: 'sample' });
    const run = f(x, ndarray(Int32Array.of(9), [1]));
    await expect(run).rejects.toThrow(ExecutionError);
    await expect(run).rejects.toThrow(/^compile: ONNX Runtime failed in sample: .*Gather.*idx=9 must be within/);
  });

  test('a kernel that writes what ONNX Runtime does not know', async () => {
    registerTraceKernel('TestNonsense', (b, { x: a }) => b.unary('Nonsense', a!));
    const f = compiled((a: Tensor) => tf.engine().runKernel('TestNonsense', { x: a }) as Tensor, { name: 'sample' });
    await expect(f(x)).rejects.toThrow(/^compile: ONNX Runtime refuses the graph of sample: .*Nonsense.*report it/s);
  });

  test('and works again afterwards', async () => {
    expect(((await compiled((a: Tensor) => tf.sum(a))(ndarray([1, 2], [2]))) as NdArray).data[0]).toBe(3);
  });
});

describe('products of tall matrices', () => {
  const [rows, inner, columns] = [4 * 1100, 70, 900];
  const [tall, right] = [stream.split('tall').normal([rows, inner]), stream.split('wide').normal([inner, columns])];
  const other = stream.split('other').normal([rows, columns]);

  /** The exact dot product for some entries. */
  function expectProduct(product: NdArray, at: (i: number, j: number) => [number, number][]): void {
    const width = product.shape[1]!;
    for (const entry of [0, 1, width, 12_345, product.data.length - 1].map((e) => e % product.data.length)) {
      const terms = at(Math.floor(entry / width), entry % width);
      const want = terms.reduce((sum, [a, b]) => sum + a * b, 0);
      const scale = Math.sqrt(terms.reduce((sum, [a, b]) => sum + (a * b) ** 2, 0));
      expect(Math.abs(product.data[entry]! - want)).toBeLessThan(1e-5 * scale);
    }
  }
  const count = (n: number) => [...Array(n).keys()];

  test.each([false, true])('in pieces of rows, right matrix transposed: %s', async (transposed) => {
    const f = compiled((a: tf.Tensor2D, b: tf.Tensor2D) =>
      tf.matMul(a, transposed ? tf.transpose(b) : b, false, transposed),
    );
    const product: NdArray = await f(tall, right);
    expect(product.shape).toEqual([rows, columns]);
    expectProduct(product, (i, j) =>
      count(inner).map((k) => [tall.data[i * inner + k]!, right.data[k * columns + j]!]),
    );
  });

  test('in pieces of the summed axis', async () => {
    const product: NdArray = await compiled((a: tf.Tensor2D, b: tf.Tensor2D) => tf.matMul(a, b, true))(tall, other);
    expect(product.shape).toEqual([inner, columns]);
    expectProduct(product, (i, j) => count(rows).map((k) => [tall.data[k * inner + i]!, other.data[k * columns + j]!]));
  });

  test.each([
    [7, 5],
    [3, 40],
  ])('over an axis of 16,500 with %i and %i columns', async (m, n) => {
    const [a, b] = [stream.split('a').normal([16_500, m]), stream.split('b').normal([16_500, n])];
    const product: NdArray = await compiled((x: tf.Tensor2D, y: tf.Tensor2D) => tf.matMul(x, y, true))(a, b);
    expect(product.shape).toEqual([m, n]);
    expectProduct(product, (i, j) => count(16_500).map((k) => [a.data[k * m + i]!, b.data[k * n + j]!]));
  });
});

describe('exportOnnx', () => {
  test('gives a file that ONNX Runtime runs by itself', async () => {
    const f = (p: { w: Tensor; unused: Tensor }, a: Tensor) => ({
      y: tf.softmax(tf.matMul(a, p.w)),
      best: [tf.argMax(a, 1)],
    });
    const params = { w, unused: scalar(0) };
    const session = await ort.InferenceSession.create(exportOnnx(f, [params, x]));
    expect([...session.inputNames].sort()).toEqual(['in.0.w', 'in.1']);
    expect(session.outputNames).toEqual(['out.y', 'out.best.0']);
    const { 'out.y': y, 'out.best.0': best } = await session.run({
      'in.0.w': new ort.Tensor('float32', w.data, w.shape),
      'in.1': new ort.Tensor('float32', x.data, x.shape),
    });
    const here = (await compiled(f as never)(params, x)) as { y: NdArray; best: NdArray[] };
    expect(y!.dims).toEqual(here.y.shape);
    expect(y!.data).toEqual(here.y.data);
    expect(best!.type).toBe('int32');
    expect(best!.data).toEqual(here.best[0]!.data);
  });
});
