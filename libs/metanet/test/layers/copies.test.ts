import {
  assertClose,
  compile,
  mapValues,
  ndarray,
  RandomStream,
  rows,
  sizeOf,
  tf,
  withoutPrefix,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  addBias,
  blockOps,
  columnsOf,
  equivariantLinear,
  equivariantLinearParameters,
  gmnBlock,
  gmnBlockParameters,
  layoutOf,
  metaGraph,
  pna,
  pnaParameters,
  edgeUpdateParameters,
  applyLinear,
  project,
  projectAndAdd,
  universalLinear,
  universalLinearParameters,
  universalPlan,
  updatePnaEdges,
} from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { chain, networksOf } from '../networks.ts';

const stream = RandomStream.fromSeed(5);
const [B, M, C, D] = [6, 3, 4, 5];

/** Copies of parameters end to end on a new first axis. */
const stacked = (copies: readonly NdArrays[]): NdArrays =>
  mapValues(copies[0]!, ({ shape }, name) =>
    ndarray(Float32Array.from(copies.flatMap((copy) => [...copy[name]!.data])), [copies.length, ...shape]),
  );

/** Drawn anew, all of them, so that no gain is 1 and no bias 0. */
const drawn = (like: NdArrays, label: string): NdArrays =>
  mapValues(like, ({ shape }, name) => stream.split(label).split(name).normal(shape, 0.2, 0.5));

const layout = layoutOf('test', chain, 'all');
const plan = universalPlan(
  layout.tensors.map(({ name, spaces, axes, shape, folded }) => ({
    name,
    indices: spaces.map((space, i) => ({ space, size: shape[axes[i]!]!, parent: undefined })),
    folded,
  })),
);
const graph = metaGraph(chain, { style: 'neural-graph', exact: true, reversed: true });
const columns = columnsOf([graph]);
const gmnSettings = { width: C, layer: 'messages', heads: 1, dropout: 0 };

const byTensor = Object.fromEntries(
  layout.tensors.map(({ name, axes, shape, folded }) => [
    name,
    stream.split(name).normal([B, ...axes.map((axis) => shape[axis]!), folded * C]),
  ]),
);
const parts: NdArrays = Object.fromEntries([
  ...graph.groups.map(({ key, size }) => [`x.${key}`, stream.split(key).normal([B, size, C])] as const),
  ...graph.blocks.map(({ key, shape, axes }) => {
    const ends = axes.target === 2 ? [shape.target, shape.source] : [shape.source, shape.target];
    return [`e.${key}`, stream.split(key).normal([B, shape.shared, ...ends, shape.places, C])] as const;
  }),
]);
const opsOf = (all: Tensors) => {
  const count = Object.values(all)[0]!.shape[0]!;
  const weights = mapValues(networksOf(chain, 1), ({ shape }) => tf.zeros([count, ...shape.slice(1)]) as Tensor);
  return blockOps(graph, columns, weights);
};

interface Case {
  readonly params: NdArrays;
  readonly x: NdArrays;
  readonly f: (params: Tensors, x: Tensors) => Tensors;
}
const dense = { weight: ndarray(new Float32Array(C * D), [C, D]), bias: ndarray(new Float32Array(D), [D]) };
const cases: { readonly [name: string]: Case } = {
  project: {
    params: dense,
    x: { x: stream.split('x').normal([B, 2, 7, C]) },
    f: (p, { x }) => ({
      y: addBias(project(x!, p['weight']!), p['bias']!),
      z: projectAndAdd(x!, p['weight']!, p['bias']!),
    }),
  },
  equivariantLinear: {
    params: equivariantLinearParameters('l', layout, C, D, stream),
    x: byTensor,
    f: (p, x) => equivariantLinear(p, 'l', layout, x),
  },
  universalLinear: {
    params: universalLinearParameters('l', plan, { inputs: C, outputs: D }, stream),
    x: byTensor,
    f: (p, x) => universalLinear(p, 'l', plan, x),
  },
  'universalLinear with shared channels': {
    params: universalLinearParameters('l', plan, { inputs: C, outputs: D, shared: 3 }, stream),
    x: byTensor,
    f: (p, x) => universalLinear(p, 'l', plan, x),
  },
  'pna and updatePnaEdges': {
    params: { ...pnaParameters('l', C, stream), ...edgeUpdateParameters('l.edges', C, stream) },
    x: parts,
    f: (p, all) => {
      const ops = opsOf(all);
      const [x, e] = [withoutPrefix('x.', all), { of: withoutPrefix('e.', all) }];
      const updated = updatePnaEdges(p, 'l.edges', ops, x, e);
      return { ...pna(p, 'l', ops, x, updated, tf.fill([1, 1], 1.5)), ...applyLinear(updated) };
    },
  },
  gmnBlock: {
    params: gmnBlockParameters('l', gmnSettings, false, stream),
    x: parts,
    f: (p, all) => {
      const given = { nodes: withoutPrefix('x.', all), edges: withoutPrefix('e.', all) };
      const { nodes, edges } = gmnBlock(p, 'l', opsOf(all), given, gmnSettings, false);
      return { ...nodes, ...edges };
    },
  },
};

describe('copies of parameters', () => {
  test.each(Object.entries(cases))('%s uses each for its block of networks', async (_, { params, x, f }) => {
    const copies = Array.from({ length: M }, (_, i) => drawn(params, `copy ${i}`));
    const run = async (p: NdArrays, given: NdArrays) =>
      (await compile(f, { threads: 1 })(p as never, given as never)) as unknown as NdArrays;
    const together = await run(stacked(copies), x);
    for (const [i, copy] of copies.entries()) {
      const [from, to] = [(i * B) / M, ((i + 1) * B) / M];
      const alone = await run(
        copy,
        mapValues(x, (array) => rows(array, from, to)),
      );
      for (const [name, value] of Object.entries(alone)) {
        const own: NdArray = rows(together[name]!, from, to);
        expect(sizeOf(own.shape)).toBeGreaterThan(0);
        assertClose(own, value, { rtol: 1e-4, atol: 1e-4 });
      }
    }
  });

  test('are refused where they do not divide the networks', () => {
    expect(() => project(tf.zeros([B, C]), tf.zeros([4, C, D]))).toThrow(
      'project: copies must have shape [M, 4, 5], got [4, 4, 5]; M must divide B = 6',
    );
  });
});
