import { compile, exportOnnx, ndarray, RandomStream, scalar, tf, TraceError, zeros } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
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
    ['einsum', (a: Tensor) => einsum('ij->ji', a), 'has no compiled kernel'],
  ])('%s', async (_, f, message) => {
    await expect(compiled(f as never, { name: 'sample' })(x)).rejects.toThrow(message);
    await expect(compiled(f as never, { name: 'sample' })(x)).rejects.toThrow(TraceError);
  });

  test('an async function', async () => {
    await expect(compiled((async (a: Tensor) => a) as never, { name: 'late' })(x)).rejects.toThrow(
      'late must not be async',
    );
  });

  test('a device that this machine does not have', async () => {
    await expect(compiled((a: Tensor) => a, { device: 'cuda' })(x)).rejects.toThrow(
      /device 'cuda' isn't in this build.*use device 'cpu'/,
    );
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
});
