import { compile, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import {
  classificationProbe,
  contrastiveLoss,
  mapOf,
  neighbourProbe,
  regressionProbe,
  standardizeColumns,
} from '@weightspace/inr-embedding';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(3);
const [B, D] = [4, 3];

/** By the definition, view by view. */
function slow(a: NdArray, b: NdArray, temperature: number): { loss: number; accuracy: number } {
  const rowsOf = ({ data }: NdArray) =>
    Array.from({ length: B }, (_, i) => Array.from(data.subarray(i * D, (i + 1) * D)));
  const views = [...rowsOf(a), ...rowsOf(b)];
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  const cosine = (x: readonly number[], y: readonly number[]) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  let [loss, right] = [0, 0];
  views.forEach((view, i) => {
    const others = views.map((other, j) => (j === i ? -Infinity : cosine(view, other) / temperature));
    const partner = (i + B) % (2 * B);
    loss -= Math.log(Math.exp(others[partner]!) / others.reduce((sum, s) => sum + Math.exp(s), 0));
    right += Number(others.indexOf(Math.max(...others)) === partner);
  });
  return { loss: loss / views.length, accuracy: right / views.length };
}

describe('contrastiveLoss', () => {
  const run = compile((a: Tensor, b: Tensor) => contrastiveLoss(a, b, 0.5), { threads: 1 });
  test('agrees with its definition', async () => {
    const [a, b] = [stream.split('a').normal([B, D]), stream.split('b').normal([B, D])];
    const found = (await run(a, b)) as unknown as { loss: NdArray; accuracy: NdArray };
    const want = slow(a, b, 0.5);
    expect(found.loss.data[0]).toBeCloseTo(want.loss, 5);
    expect(found.accuracy.data[0]).toBeCloseTo(want.accuracy, 6);
  });
  test('is small where views agree, and large where they agree with others', async () => {
    const a = ndarray([1, 0, 0, 0, 1, 0, 0, 0, 1, -1, 0, 0], [B, D]);
    const turned = ndarray([0, 1, 0, 0, 0, 1, -1, 0, 0, 1, 0, 0], [B, D]);
    const lossOf = async (b: NdArray) => ((await run(a, b)) as unknown as { loss: NdArray }).loss.data[0]!;
    expect(await lossOf(a)).toBeLessThan(await lossOf(turned));
  });
});

const inputs = (rows: number, name: string) => stream.split(name).normal([rows, D]);

describe('linear probes', () => {
  test('standardize by the training rows', () => {
    const { train, test: held } = standardizeColumns({
      train: ndarray([1, 5, 3, 5], [2, 2]),
      test: ndarray([5, 6], [1, 2]),
    });
    expect(Array.from(train.data)).toEqual([-1, 0, 1, 0]);
    expect(Array.from(held.data)).toEqual([3, 1]);
  });
  test('regression finds a linear target, and not one that is none', () => {
    const embedded = { train: inputs(200, 'train'), test: inputs(50, 'test') };
    const line = ({ data }: NdArray) =>
      Array.from({ length: data.length / D }, (_, i) => 3 + 2 * data[i * D]! - data[i * D + 2]!);
    const square = ({ data }: NdArray) => Array.from({ length: data.length / D }, (_, i) => data[i * D]! ** 2);
    const both = (f: (x: NdArray) => number[]) => ({ train: f(embedded.train), test: f(embedded.test) });
    const errors = regressionProbe(embedded, { line: both(line), square: both(square) }, 1e-6);
    expect(errors['line']).toBeLessThan(1e-4);
    expect(errors['square']).toBeGreaterThan(0.5);
  });
  test('neighbours find a curved target, which a line misses', () => {
    const embedded = { train: inputs(400, 'train'), test: inputs(50, 'test') };
    const square = ({ data }: NdArray) => Array.from({ length: data.length / D }, (_, i) => data[i * D]! ** 2);
    const targets = { square: { train: square(embedded.train), test: square(embedded.test) } };
    expect(neighbourProbe(embedded, targets)['square']).toBeLessThan(
      0.5 * regressionProbe(embedded, targets)['square']!,
    );
    const far = { train: ndarray([0, 1, 10, 11], [4, 1]), test: ndarray([0.4, 10.6], [2, 1]) };
    const known = { x: { train: [1, 3, 5, 9], test: [2, 8] } };
    expect(neighbourProbe(far, known, 2)['x']).toBeCloseTo(0.5, 6);
  });
  test('classification finds classes that a plane parts, and not those that none does', async () => {
    const embedded = { train: inputs(200, 'train'), test: inputs(80, 'test') };
    const labels = (f: (x: number, y: number) => boolean) => {
      const of = ({ data }: NdArray) =>
        Int32Array.from({ length: data.length / D }, (_, i) => Number(f(data[i * D]!, data[i * D + 1]!)));
      return { train: of(embedded.train), test: of(embedded.test) };
    };
    expect(
      await classificationProbe(
        embedded,
        labels((x, y) => x > y),
        2,
      ),
    ).toBeGreaterThan(0.93);
    expect(
      await classificationProbe(
        embedded,
        labels((x, y) => x * y > 0),
        2,
      ),
    ).toBeLessThan(0.75);
  });
});

test('mapOf keeps two far clusters apart, and draws the same map again', () => {
  const x = ndarray(Array.from({ length: 40 }, (_, i) => [i < 20 ? 0 : 50, (i % 20) * 0.1]).flat(), [40, 2]);
  const points = mapOf(x, RandomStream.fromSeed(1));
  expect(mapOf(x, RandomStream.fromSeed(1))).toEqual(points);
  const gap = (i: number, j: number) => Math.hypot(points[i]![0] - points[j]![0], points[i]![1] - points[j]![1]);
  for (let i = 0; i < 20; i++) {
    const near = Math.min(...Array.from({ length: 20 }, (_, j) => (j === i ? Infinity : gap(i, j))));
    const far = Math.min(...Array.from({ length: 20 }, (_, j) => gap(i, 20 + j)));
    expect(far).toBeGreaterThan(near);
  }
});
