import { compile, tf } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { kernelCases } from './kernel-cases.data.ts';
import type { KernelCase } from './kernel-cases.data.ts';

type Fn = (...xs: Tensor[]) => Tensor | Tensor[];
const listed = (y: Tensor | Tensor[]): Tensor[] => (Array.isArray(y) ? y : [y]);

/** Σ sin(y + 1): every output's slope differs, so that a misplaced gradient shows. */
function gradients({ f, args }: KernelCase): Fn {
  const floats = args.flatMap((a, i) => (a.dtype === 'float32' ? [i] : []));
  return (...xs) => {
    const loss = (...moving: Tensor[]) => {
      const all = xs.map((x, i) => (floats.includes(i) ? moving[floats.indexOf(i)]! : x));
      return tf.addN(listed((f as Fn)(...all)).map((y) => tf.sum(tf.sin(tf.add(y, 1)))));
    };
    return tf.grads(loss as never)(floats.map((i) => xs[i]!));
  };
}

async function both(f: Fn, args: readonly NdArray[]): Promise<[NdArray[], NdArray[]]> {
  const run = (device: 'cpu' | 'eager') =>
    compile(((...xs: never[]) => listed(f(...xs))) as never, { device, threads: 1 }) as unknown as (
      ...a: readonly NdArray[]
    ) => Promise<NdArray[]>;
  return [await run('cpu')(...args), await run('eager')(...args)];
}

/** Relative to the largest value, so that one scale serves all kernels. */
function expectClose(actual: NdArray[], expected: NdArray[]): void {
  expect(actual.map(({ shape, dtype }) => ({ shape: [...shape], dtype }))).toEqual(
    expected.map(({ shape, dtype }) => ({ shape: [...shape], dtype })),
  );
  actual.forEach(({ data }, i) => {
    const want = expected[i]!.data;
    const scale = Math.max(1e-30, ...Array.from(want, (x) => (Number.isFinite(x) ? Math.abs(x) : 0)));
    data.forEach((x, j) => {
      const same = Object.is(x, want[j]) || x === want[j] || Math.abs(x - want[j]!) <= 3e-6 * scale;
      if (!same) expect.fail(`output ${i}, element ${j}: compiled ${x}, eager ${want[j]}, scale ${scale}`);
    });
  });
}

describe('compiled kernels agree with the eager cpu backend', () => {
  test.each(kernelCases.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    const [compiled, eager] = await both(c.f as unknown as Fn, c.args);
    expectClose(compiled, eager);
  });
});

describe('compiled gradients agree with the eager cpu backend', () => {
  test.each(kernelCases.filter((c) => c.gradient).map((c) => [c.name, c] as const))('%s', async (_, c) => {
    const [compiled, eager] = await both(gradients(c), c.args);
    expectClose(compiled, eager);
  });
});

describe('the comparison can fail', () => {
  test('finds a kernel that is off by a little', () => {
    const one: NdArray = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };
    const other: NdArray = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2.0001) };
    expect(() => expectClose([one], [other])).toThrow('output 0, element 1: compiled 2');
  });
  test('finds a wrong shape', () => {
    const one: NdArray = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };
    expect(() => expectClose([one], [{ ...one, shape: [1, 2] }])).toThrow();
  });
});
