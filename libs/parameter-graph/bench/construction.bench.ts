/** @file Graphs of networks with ten million parameters. */
import { cnn, mlp, vit } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import type { Benchmark, NdArrays } from '@weightspace/compute';
import { adjacency, graphParameters, parameterGraph } from '@weightspace/parameter-graph';

/** Random numbers in the right shapes; how they are drawn doesn't matter here. */
function weights({ parameters }: Architecture): NdArrays {
  const some = RandomStream.fromSeed(0).normal([65_536]).data;
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return [
        name,
        ndarray(
          Float32Array.from({ length: size }, (_, i) => some[i % some.length]!),
          shape,
        ),
      ];
    }),
  );
}

const networks: readonly (readonly [name: string, make: () => Architecture])[] = [
  ['mlp', () => mlp({ sizes: [784, 2560, 2560, 560, 10] })],
  ['cnn', () => cnn({ input: { size: 3, positions: [32, 32] }, features: [256, 512, 768, 768], outputs: 10 })],
  ['vit', () => vit({ positions: [32, 32], patch: 4, width: 384, heads: 6, depth: 6, outputs: 10 })],
];

const tasks: readonly (readonly [string, (architecture: Architecture, params: NdArrays) => unknown])[] = [
  ['construct', (architecture, params) => parameterGraph(architecture, params)],
  ['construct-neural-graph', (architecture, params) => parameterGraph(architecture, params, { style: 'neural-graph' })],
  ['construct-and-csr', (architecture, params) => adjacency(parameterGraph(architecture, params))],
  ['round-trip', (architecture, params) => graphParameters(parameterGraph(architecture, params))],
];

export const benchmarks: readonly Benchmark[] = networks.flatMap(([network, make]) =>
  tasks.map(([task, run]) => ({
    name: `${task}-${network}`,
    calls: 3,
    prepare: () => {
      const architecture = make();
      const params = weights(architecture);
      return Promise.resolve({
        call: () => {
          run(architecture, params);
          return Promise.resolve({ parameters: architecture.parameterCount });
        },
      });
    },
  })),
);
