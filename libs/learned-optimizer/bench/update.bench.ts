/**
 * @file What optimizers cost: an update of the published task, 8 × 8 Fashion-MNIST MLPs with 32 hidden neurons, 16 tasks of two particles
 * each, every network with its own copy of the meta-parameters. Gradients are given, so that the update alone is timed.
 */
import { initialize, mlp } from '@weightspace/architecture';
import { compile, countParameters, mapValues, ndarray, RandomStream } from '@weightspace/compute';
import type { Benchmark, NdArrays, Prepared, Tensor, Tensors } from '@weightspace/compute';
import { createOptimizer } from '@weightspace/learned-optimizer';
import type { Settings } from '@weightspace/learned-optimizer';

const ARCHITECTURE = mlp({ sizes: [64, 32, 10] });
const N = 32;
const UPDATES = 10;

/** Each kind as it is by default, and so narrow that it has about as many meta-parameters as `mlp-lopt`. */
const OPTIMIZERS: readonly (readonly [kind: string, settings: Settings])[] = [
  ['adam', {}],
  ['mlp-lopt', {}],
  ['deep-sets-lopt', {}],
  ['nfn-lopt', {}],
  ['unf-lopt', {}],
  ['ng-gnn-lopt', {}],
  ['ng-t-lopt', {}],
  ['gmn-lopt', {}],
  ['mlp-deep-sets-lopt', {}],
  ['mlp-nfn-lopt', {}],
  ['mlp-unf-lopt', {}],
  ['mlp-ng-gnn-lopt', {}],
  ['mlp-ng-t-lopt', {}],
  ['mlp-gmn-lopt', {}],
  ['deep-sets-lopt', { width: 19 }],
  ['nfn-lopt', { width: 4 }],
  ['unf-lopt', { width: 4 }],
  ['ng-gnn-lopt', { width: 5 }],
  ['ng-t-lopt', { width: 6, heads: 2 }],
  ['gmn-lopt', { width: 8 }],
  ['mlp-unf-lopt', { width: 12 }],
  ['mlp-ng-gnn-lopt', { width: 6 }],
];

async function prepared(kind: string, settings: Settings): Promise<Prepared> {
  const stream = RandomStream.fromSeed(0);
  const optimizer = createOptimizer(kind, ARCHITECTURE, settings);
  const params = initialize(ARCHITECTURE, stream, { count: N });
  const grads = mapValues(params, ({ shape }, name) => stream.split(name).normal(shape, 0, 0.1));
  const meta = mapValues(optimizer.initialize(stream), ({ data, shape }) =>
    ndarray(
      Float32Array.from({ length: N * data.length }, (_, i) => data[i % data.length]!),
      [N, ...shape],
    ),
  );
  const step = ndarray(Array<number>(N).fill(5), [N]);
  const start = compile((p: Tensors) => optimizer.start(p), { threads: 1 });
  let state = (await start(params as never)) as unknown as NdArrays;
  await start.release();
  const update = compile(
    (m: Tensors, s: Tensors, p: Tensors, g: Tensors, t: Tensor) => optimizer.update(m, s, p, g, { step: t }),
    { threads: 1, name: kind },
  );
  return {
    call: async () => {
      const before = process.cpuUsage();
      for (let i = 0; i < UPDATES; i++) {
        const next = await update(meta as never, state as never, params as never, grads as never, step as never);
        ({ state } = next as unknown as { state: NdArrays });
      }
      const { user, system } = process.cpuUsage(before);
      return {
        'meta-parameters': optimizer.metaParameterCount,
        'processor ms per update': (user + system) / 1e3 / UPDATES,
        'flops per weight': update.statistics().flops / countParameters(params),
      };
    },
    release: () => update.release(),
  };
}

export const benchmarks: readonly Benchmark[] = OPTIMIZERS.map(([kind, settings]) => ({
  name: `update of ${kind}${Object.keys(settings).length === 0 ? '' : ` ${JSON.stringify(settings)}`}`,
  unit: { name: 'update', count: UPDATES },
  calls: 7,
  prepare: () => prepared(kind, settings),
}));
