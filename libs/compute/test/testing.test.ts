import {
  assertClose,
  deadInputs,
  gradientError,
  MismatchError,
  ndarray,
  RandomStream,
  scalar,
  tf,
  toTensor,
} from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import { beforeAll, describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(7);
const normal = (label: string, ...shape: number[]) => stream.split(label).normal(shape);
const exact = { rtol: 0, atol: 0 };

beforeAll(() => tf.setBackend('cpu'));

describe('assertClose', () => {
  const a = ndarray([1, -2, 3, 4, -5, 6], [2, 3]);

  test('takes equal values, as arrays and as tensors', () => {
    expect(assertClose(a, a, exact)).toBe(0);
    expect(assertClose(toTensor(a), a, exact)).toBe(0);
    expect(assertClose(a, toTensor(a), exact)).toBe(0);
  });

  test('returns the largest difference that it allowed', () => {
    expect(assertClose(ndarray([1.5, -2.25], [2]), ndarray([1, -2], [2]), { rtol: 0.5, atol: 0 })).toBe(0.5);
  });

  test('allows atol + rtol |expected| and no more', () => {
    const expected = ndarray([-100], [1]);
    expect(() => assertClose(ndarray([-101.5], [1]), expected, { rtol: 0.01, atol: 0.5 })).not.toThrow();
    expect(() => assertClose(ndarray([-101.75], [1]), expected, { rtol: 0.01, atol: 0.5 })).toThrow(MismatchError);
  });

  test('compares shapes first', () => {
    const flat = ndarray([1, -2, 3, 4, -5, 6], [6]);
    expect(() => assertClose(flat, a, exact)).toThrow('assertClose: shape must be [2, 3], got [6]');
    expect(() => assertClose(ndarray([1], [1]), scalar(1), exact)).toThrow('assertClose: shape must be [], got [1]');
  });

  test('names the worst index, both values and the allowance', () => {
    const b = ndarray([1, -2, 3.5, 4, -5, 9], [2, 3]);
    expect(() => assertClose(b, a, { rtol: 0.01, atol: 0.25 })).toThrow(
      'assertClose: 2 of 6 values differ; worst at [1, 2]: got 9, expected 6, difference 3.00, allowed 0.310 (rtol 0.01, atol 0.25)',
    );
  });

  test.each<[number, number]>([
    [NaN, NaN],
    [NaN, 1],
    [1, NaN],
    [NaN, Infinity],
    [Infinity, -Infinity],
    [Infinity, 3e38],
    [3e38, Infinity],
  ])('never takes %s for %s, whatever the tolerance', (x, y) => {
    expect(() => assertClose(ndarray([0, x], [2]), ndarray([0, y], [2]), { rtol: 1, atol: 1e30 })).toThrow(
      `worst at [1]: got`,
    );
  });

  test('takes an infinity for itself, and nothing for nothing', () => {
    expect(assertClose(ndarray([-Infinity], [1]), ndarray([-Infinity], [1]), exact)).toBe(0);
    expect(assertClose(ndarray([], [0, 3]), ndarray([], [0, 3]), exact)).toBe(0);
  });

  test('finds a NaN among finite mismatches', () => {
    const act = () => assertClose(ndarray([5, NaN, 7], [3]), ndarray([1, 1, 1], [3]), exact);
    expect(act).toThrow('3 of 3 values differ; worst at [1]: got NaN, expected 1');
  });
});

describe('deadInputs', () => {
  const inputs = { w0: normal('w0', 3, 2), w1: normal('w1', 4, 2) };

  test('is content when every input matters, in any nesting of outputs', () => {
    const both = (t: { w0: Tensor; w1: Tensor }) => ({ a: tf.mean(t.w0, 0), b: tf.square(t.w1) });
    expect(deadInputs(both, inputs)).toEqual([]);
    expect(deadInputs((t) => Object.values(both(t)), inputs)).toEqual([]);
  });

  test('finds the layer that a pooling forgot', () => {
    expect(deadInputs((t) => tf.mean(t.w0, 0), inputs)).toEqual(['w1']);
  });

  test('finds an input that is touched to no effect', () => {
    expect(deadInputs((t) => tf.add(tf.mean(t.w0), tf.mean(tf.relu(tf.neg(tf.square(t.w1))))), inputs)).toEqual(['w1']);
  });

  test('refuses a gradient that is not a number', () => {
    const root = (t: { x: Tensor }) => tf.mul(tf.sqrt(t.x), tf.zerosLike(t.x));
    expect(() => deadInputs(root, { x: ndarray([4, 0], [2]) })).toThrow(
      "deadInputs: gradient of 'x' must be finite, got NaN at element 1",
    );
  });

  test('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    deadInputs((t) => tf.mul(t.w0, tf.mean(t.w1)), inputs);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('gradientError', () => {
  const x = normal('x', 2, 3);

  test('is small for gradients that are right', () => {
    expect(gradientError((t) => tf.tanh(tf.mul(t, 1.5)), x)).toBeLessThan(1e-3);
    expect(gradientError((t) => tf.tanh(tf.mul(t, 1.5)), toTensor(x))).toBeLessThan(1e-3);
  });

  test('takes several inputs at once', () => {
    const inputs = { x, w: normal('w', 3, 4), b: normal('b', 4) };
    const layer = (t: Record<'x' | 'w' | 'b', Tensor>) => tf.tanh(tf.add(tf.matMul(t.x, t.w), t.b));
    expect(gradientError(layer, inputs)).toBeLessThan(1e-3);
  });

  const wrong = (factor: number) =>
    tf.customGrad((t) => ({
      value: tf.sin(t as Tensor),
      gradFunc: (dy) => tf.mul(dy as Tensor, tf.mul(tf.cos(t as Tensor), factor)),
    }));

  test.each([0, 1.1, -1])('is large for a gradient that is %s times the right one', (factor) => {
    expect(gradientError((t) => wrong(factor)(t), x)).toBeCloseTo(Math.abs(factor - 1) / Math.max(1, factor), 2);
  });

  test('sees one wrong input beside a right one', () => {
    const f = (t: Record<'right' | 'wrong', Tensor>) => ({ a: tf.sin(t.right), b: wrong(2)(t.wrong) });
    expect(gradientError(f, { right: x, wrong: x })).toBeGreaterThan(0.3);
  });

  test('sees a wrong input whose slopes are small beside another’s', () => {
    const f = (t: Record<'right' | 'wrong', Tensor>) => ({ a: tf.mul(t.right, 3), b: tf.mul(wrong(2)(t.wrong), 0.1) });
    expect(gradientError(f, { right: x, wrong: x })).toBeGreaterThan(0.3);
  });

  test('knows the gradients that tfjs has wrong, put right', () => {
    expect(gradientError((t) => tf.cumsum(t, 0), normal('square', 3, 3))).toBeLessThan(1e-3);
  });

  test('refuses a function that does not move', () => {
    expect(() => gradientError((t) => tf.zerosLike(t), x)).toThrow('gradientError: vacuous: the slope is 0 everywhere');
  });

  test('refuses slopes that are not finite', () => {
    const x = ndarray([1, -1], [2]);
    expect(() => gradientError((t) => tf.log(t), x)).toThrow(
      "gradientError: slope must be finite, got 1 (difference NaN) at element 0 of 'x'",
    );
    expect(() => gradientError((t) => tf.sqrt(t.y), { y: ndarray([0], [1]) })).toThrow(
      "got Infinity (difference NaN) at element 0 of 'y'",
    );
  });

  test('leaves no tensor and its input as it was', () => {
    const [kept, before] = [x.data.slice(), tf.memory().numTensors];
    gradientError((t) => tf.tanh(t), x);
    expect(tf.memory().numTensors).toBe(before);
    expect(x.data).toEqual(kept);
  });

  test('works on one number', () => {
    expect(gradientError((t) => tf.square(t), scalar(0.7) as NdArray)).toBeLessThan(1e-3);
  });
});
