/** @file What everything else is made of: products of several forms, a grouped convolution, elementwise work. */
import { compile, RandomStream, stackedConv2d, stackedLinear, tf } from '@weightspace/compute';
import type { Benchmark, Compiled, NdArray, Tensor } from '@weightspace/compute';

const stream = RandomStream.fromSeed(0);
const [LINEAR_NETWORKS, CONV_NETWORKS] = [256, 64];

/** A function of arrays of the given shapes. */
function kernel(name: string, calls: number, shapes: readonly (readonly number[])[], f: (...xs: Tensor[]) => Tensor) {
  return {
    name,
    calls,
    prepare: () => {
      const inputs: NdArray[] = shapes.map((shape, i) => stream.split(name).split(i).normal(shape));
      const run = compile(f as never, { recycle: true, name }) as unknown as Compiled<Tensor[], Tensor>;
      return Promise.resolve({
        call: async () => void (await run(...inputs)),
        facts: () => ({ flops: run.statistics().flops }),
        release: () => run.release(),
      });
    },
  } satisfies Benchmark;
}
const torch = (name: string) => [{ label: '2 threads', script: 'kernels.py', args: [name] }];

export const benchmarks: readonly Benchmark[] = [
  {
    ...kernel(
      'matmul-square',
      15,
      [
        [2048, 2048],
        [2048, 2048],
      ],
      (a, b) => tf.matMul(a, b),
    ),
    torch: torch('matmul-square'),
  },
  {
    ...kernel(
      'matmul-tall',
      15,
      [
        [65536, 512],
        [512, 512],
      ],
      (a, b) => tf.matMul(a, b),
    ),
    torch: torch('matmul-tall'),
  },
  {
    ...kernel(
      'stacked-linear',
      15,
      [
        [LINEAR_NETWORKS, 784, 32],
        [LINEAR_NETWORKS, 32, 32],
        [LINEAR_NETWORKS, 32],
      ],
      (x, w, b) => stackedLinear(x, w, b),
    ),
    torch: torch('stacked-linear'),
  },
  {
    ...kernel(
      'stacked-conv2d',
      9,
      [
        [8, CONV_NETWORKS * 16, 14, 14],
        [CONV_NETWORKS, 16, 16, 3, 3],
        [CONV_NETWORKS, 16],
      ],
      (x, w, b) => stackedConv2d(x, w, b),
    ),
    torch: torch('stacked-conv2d'),
  },
  { ...kernel('sin', 15, [[4096, 4096]], (x) => tf.sin(x)), torch: torch('sin') },
  { ...kernel('mean-rows', 15, [[64, 32, 32, 512]], (x) => tf.mean(x, 1)), torch: torch('mean-rows') },
];
