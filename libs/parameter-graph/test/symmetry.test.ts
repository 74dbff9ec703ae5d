import type { Architecture } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import { graphStyles, nodeOrder, parameterGraph } from '@weightspace/parameter-graph';
import type { GraphOptions, ParameterGraph } from '@weightspace/parameter-graph';
import { act, isIdentity, permutationGroup, randomElement } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { countAutomorphisms } from './count-automorphisms.ts';
import { smallNetworks, weightsOf } from './networks.ts';

/** All edges and node values as texts, with the nodes renamed. */
function contents(graph: ParameterGraph, rename: (node: number) => number): string[] {
  const lines = graph.blocks.flatMap((block, b) =>
    Array.from({ length: block.size * block.width }, (_, i) => {
      const edge = block.start + Math.floor(i / block.width);
      const value = block.valueStart + i;
      const ends = `${rename(graph.source[edge]!)}→${rename(graph.target[edge]!)}`;
      return `block ${b} ${ends} at ${graph.places[value]!}: ${graph.values[value]!}`;
    }),
  );
  const nodes = graph.groups.flatMap(({ start, size, features, featureStart }) =>
    Array.from({ length: size }, (_, i) => {
      const from = featureStart + i * features.length;
      return `node ${rename(start + i)}: ${graph.nodeValues.slice(from, from + features.length).join()}`;
    }),
  );
  return [...lines, ...nodes].sort();
}

function graphs(architecture: Architecture, g: GroupElement, options: GraphOptions) {
  const params = weightsOf(architecture);
  const moved = act(architecture, g, params);
  return [parameterGraph(architecture, params, options), parameterGraph(architecture, moved, options)] as const;
}

describe('nodeOrder', () => {
  const cases = Object.entries(smallNetworks()).flatMap(([name, architecture]) =>
    graphStyles().map((style) => [name, style, architecture] as const),
  );
  test.each(cases)('relabels the nodes of %s (%s) as a permutation moves its parameters', (_, style, architecture) => {
    const group = permutationGroup(architecture);
    const stream = RandomStream.fromSeed(5);
    let g = randomElement(group, stream);
    while (isIdentity(g)) g = randomElement(group, stream);
    const [old, moved] = graphs(architecture, g, { style });
    const order = nodeOrder(old, g);
    expect(new Set(order).size).toBe(old.nodeCount);
    expect(contents(moved, (node) => order[node]!)).toEqual(contents(old, (node) => node));
    expect(contents(moved, (node) => node)).not.toEqual(contents(old, (node) => node));
  });
});

describe('parameterGraph', () => {
  test.each(Object.keys(smallNetworks()))('has as many automorphisms as %s has permutations', (name) => {
    const architecture = smallNetworks()[name]!;
    const graph = parameterGraph(architecture, weightsOf(architecture));
    const { log10Order } = permutationGroup(architecture);
    expect(log10Order).toBeGreaterThan(0.5);
    expect(Math.log10(countAutomorphisms(graph))).toBeCloseTo(log10Order, 9);
  });

  test('has another number where heads are not told apart', () => {
    const architecture = smallNetworks()['vit']!;
    const graph = parameterGraph(architecture, weightsOf(architecture), { exact: false });
    const { log10Order } = permutationGroup(architecture);
    expect(Math.log10(countAutomorphisms(graph))).not.toBeCloseTo(log10Order, 2);
  });

  test('tells queries, keys and values apart, and the two parts of an equivariant layer', () => {
    const { vit, sets } = smallNetworks();
    const fused = parameterGraph(vit!, weightsOf(vit!)).blocks.filter(
      ({ parameter }) => parameter === 'attn.qkv.weight',
    );
    expect(fused.map(({ segments }) => segments)).toEqual([[0], [1], [2]]);
    expect([fused[0]!.target === fused[1]!.target, fused[0]!.target === fused[2]!.target]).toEqual([true, false]);
    const parts = parameterGraph(sets!, weightsOf(sets!)).blocks.filter(
      ({ layer, kind }) => layer === 'a' && kind === 'weight',
    );
    expect(parts.map(({ parameter }) => parameter)).toEqual(['a.weight', 'a.mean_weight']);
  });
});
