/** @file What an optimizer's update costs for one network of 1 k to 1 M parameters, gradients given: its overhead beside Adam's. */
import { initialize, mlp } from '@weightspace/architecture';
import { compile, countParameters, mapValues, RandomStream, scalar } from '@weightspace/compute';
import type { Benchmark, NdArrays, Prepared, Tensor, Tensors } from '@weightspace/compute';
import { copied, createOptimizer } from '@weightspace/learned-optimizer';
import type { Settings } from '@weightspace/learned-optimizer';

const SIZES = [1e3, 1e4, 1e5, 1e6];

interface Sized {
  readonly kind: string;
  readonly settings?: Settings;
}
const OPTIMIZERS: readonly Sized[] = [
  { kind: 'adam' },
  { kind: 'mlp-lopt' },
  { kind: 'adafac-mlp-lopt' },
  { kind: 'unf-lopt' },
  { kind: 'mlp-unf-lopt' },
  { kind: 'ng-gnn-lopt' },
  { kind: 'ng-gnn-lopt', settings: { width: 5 } },
];
const UPDATES = 3;

/** Two hidden layers of equal width, about so many parameters. */
function perceptron(parameters: number) {
  const width = Math.max(2, Math.round(-14 + Math.sqrt(196 + parameters)));
  return mlp({ sizes: [16, width, width, 10], activation: 'relu' });
}

async function prepared({ kind, settings }: Sized, size: number): Promise<Prepared> {
  const architecture = perceptron(size);
  const stream = RandomStream.fromSeed(0);
  const optimizer = createOptimizer(kind, architecture, settings);
  const first = initialize(architecture, stream, { count: 1 });
  const grads = mapValues(first, ({ shape }, name) => stream.split(name).normal(shape, 0, 0.1));
  const meta = copied(optimizer.initialize(stream), 1);
  const step = { ...scalar(5), shape: [1] };
  const start = compile((p: Tensors) => optimizer.start(p), { threads: 1 });
  let [params, state] = [first as NdArrays, (await start(first as never)) as unknown as NdArrays];
  await start.release();
  const update = compile(
    (m: Tensors, s: Tensors, p: Tensors, g: Tensors, t: Tensor) => optimizer.update(m, s, p, g, { step: t }),
    { threads: 1, name: kind, recycle: true },
  );
  return {
    call: async () => {
      const before = process.cpuUsage();
      for (let i = 0; i < UPDATES; i++) {
        const next = await update(meta as never, state as never, params as never, grads as never, step as never);
        ({ params, state } = next as unknown as { params: NdArrays; state: NdArrays });
      }
      const { user, system } = process.cpuUsage(before);
      const parameters = countParameters(first);
      return { parameters, 'processor ns per parameter': ((user + system) * 1e3) / UPDATES / parameters };
    },
    release: () => update.release(),
  };
}

const nameOf = ({ kind, settings = {} }: Sized): string =>
  [kind, ...Object.entries(settings).map(([name, value]) => `${name} ${String(value)}`)].join(', ');

export const benchmarks: readonly Benchmark[] = OPTIMIZERS.flatMap((own) =>
  SIZES.map((size) => ({
    name: `overhead of ${nameOf(own)}: ${size.toExponential(0).replace('e+', 'e')} parameters, 1 thread`,
    unit: { name: 'update', count: UPDATES },
    calls: 5,
    prepare: () => prepared(own, size),
  })),
);
