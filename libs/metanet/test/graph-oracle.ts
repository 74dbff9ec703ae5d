/** @file Message passing edge by edge in plain numbers, on the arrays of a parameter graph. */
import type { Architecture } from '@weightspace/architecture';
import { ndarray, RandomStream, sizeOf } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { columnsOf, metaGraph } from '@weightspace/metanet';
import type { MetaGraph } from '@weightspace/metanet';
import type { ParameterGraph } from '@weightspace/parameter-graph';
import { expect } from 'vitest';

import { graphNetworks } from './graph-networks.ts';

export const C = 3;
export const stream = RandomStream.fromSeed(5);
export const all = Object.values(graphNetworks);
export const styles = ['graph-metanetwork', 'neural-graph'];
export const graphOf = (architecture: Architecture, style: string, reversed = false, exact = true): MetaGraph =>
  metaGraph(architecture, { style, exact, reversed });

const TABLES = { nodeKind: 13, index: 40, activation: 16, edgeKind: 14, part: 10, place0: 20, direction: 3 };
export const columns = (style: string) => columnsOf(all.map((architecture) => graphOf(architecture, style)));

export const params = (style: string): NdArrays => {
  const { edges, nodes } = columns(style);
  const own = (name: string, rows: number) => stream.split(name).normal([rows, C], 0, 0.5);
  return {
    edge: own('edge', edges),
    node: own('node', Math.max(1, nodes)),
    ...Object.fromEntries(Object.entries(TABLES).map(([name, rows]) => [name, own(name, rows)])),
  };
};

/** The same, edge by edge in plain numbers, on the arrays of the graph of one network. */
export function slow(
  graph: ParameterGraph,
  meta: MetaGraph,
  reversed: boolean,
  style: string,
  weights: NdArrays,
): NdArrays {
  const p = params(style);
  const row = (name: string, i: number, c: number) => p[name]!.data[i * C + c]!;
  const { edgeColumns, nodeColumns } = columnTables(meta, style);
  const V = graph.nodeCount;
  const x = Array.from({ length: V }, () => new Array<number>(C).fill(0));
  meta.groups.forEach(({ group, attributes: a }, g) => {
    for (let n = 0; n < group.size; n++) {
      const id = (name: 'kind' | 'index' | 'activation') => a[name][a[name].length === 1 ? 0 : n]!;
      const first = graph.groups[g]!.featureStart + n * group.features.length;
      for (let c = 0; c < C; c++) {
        const own = nodeColumns[g]!.reduce(
          (sum, column, i) => sum + graph.nodeValues[first + i]! * row('node', column, c),
          0,
        );
        x[group.start + n]![c] =
          own + row('nodeKind', id('kind'), c) + row('index', id('index'), c) + row('activation', id('activation'), c);
      }
    }
  });
  const edges: { s: number; t: number; y: number[] }[] = [];
  for (const own of meta.blocks) {
    const i = Number(own.key.split(' ')[0]);
    const block = graph.blocks[i]!;
    for (let n = 0; n < block.size; n++) {
      const ends = [graph.source[block.start + n]!, graph.target[block.start + n]!];
      const [s, t] = (own.reversed ? ends.toReversed() : ends) as [number, number];
      const a = own.attributes;
      const value = block.valueStart + n * block.width;
      const place = block.width === 1 ? graph.places[value]! : 0;
      const y = Array.from({ length: C }, (_, c) => {
        let sum =
          row('edgeKind', a.kind[0]!, c) + row('part', a.part[0]!, c) + row('direction', own.reversed ? 2 : 1, c);
        sum += row('place0', a.place0[a.place0.length === 1 ? 0 : place]!, c);
        for (let w = 0; w < block.width; w++) sum += graph.values[value + w]! * row('edge', edgeColumns[i]![w]!, c);
        return Math.sin(x[s]![c]! + 2 * x[t]![c]! + sum);
      });
      edges.push({ s, t, y });
    }
  }
  if (reversed) expect(edges.length).toBe(2 * graph.edgeCount);
  const runs = { s: new Map<number, typeof edges>(), t: new Map<number, typeof edges>() };
  for (const edge of edges) {
    for (const end of ['s', 't'] as const) runs[end].set(edge[end], [...(runs[end].get(edge[end]) ?? []), edge]);
  }
  const at = (v: number, c: number, end: 's' | 't' = 't') => (runs[end].get(v) ?? []).map((e) => e.y[c]!);
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const per = (f: (v: number, c: number) => number) =>
    ndarray(
      Float32Array.from({ length: V * C }, (_, i) => f(Math.floor(i / C), i % C)),
      [1, V, C],
    );
  const mean = (values: readonly number[]) => (values.length === 0 ? 0 : sum(values) / values.length);
  const attended = (v: number, c: number) => {
    const own = runs.t.get(v) ?? [];
    const total = sum(own.map((e) => Math.exp(e.y[c]!)));
    return sum(own.map((e) => (Math.exp(e.y[c]!) / total) * x[e.s]![c]!));
  };
  const pooled = (f: (c: number) => number) =>
    ndarray(
      Float32Array.from({ length: C }, (_, c) => f(c)),
      [1, C],
    );
  const nodesOf = (kinds: readonly string[]) =>
    graph.groups.flatMap(({ kind, start, size }) =>
      kinds.includes(kind) ? Array.from({ length: size }, (_, i) => start + i) : [],
    );
  const allEdges = (c: number) => mean(edges.map((e) => e.y[c]!));
  expect(weights).toBeDefined();
  return {
    x: per((v, c) => x[v]![c]!),
    sum: per((v, c) => sum(at(v, c))),
    mean: per((v, c) => mean(at(v, c))),
    max: per((v, c) => (at(v, c).length === 0 ? 0 : Math.max(...at(v, c)))),
    min: per((v, c) => (at(v, c).length === 0 ? 0 : Math.min(...at(v, c)))),
    out: per((v, c) => mean(at(v, c, 's'))),
    attended: per(attended),
    degrees: per((v, c) => at(v, c).length),
    spread: per((v, c) => allEdges(c) * (1 + at(v, c).length)),
    'pooled edges': pooled(allEdges),
    'pooled most': pooled((c) => Math.max(...edges.map((e) => e.y[c]!))),
    'pooled nodes': pooled((c) => mean(x.map((own) => own[c]!))),
    'pooled neurons': pooled((c) => mean(nodesOf(['neuron', 'output']).map((v) => sum(at(v, c))))),
    'pooled least': pooled((c) => Math.min(...nodesOf(['neuron']).map((v) => x[v]![c]!))),
    'pooled outputs': pooled((c) => sum(nodesOf(['output']).map((v) => x[v]![c]!))),
  };
}

/** Columns by the rule in words: kernels centred in the largest one, other places after them; kinds of node values in turn. */
function columnTables(meta: MetaGraph, style: string) {
  const { kernel, kinds } = columns(style);
  const size = sizeOf(kernel);
  const edgeColumns = meta.structure.blocks.map(({ width, places }) => {
    if (kernel.length === 0) return [0];
    const isKernel = places.every(({ kind }) => kind === 'kernel');
    if (width > 1 && !isKernel) return Array.from({ length: width }, (_, i) => size + i);
    const own = width > 1 ? places.map((place) => place.size) : [];
    const two = [own.at(-2) ?? 1, own.at(-1) ?? 1];
    const first = two.map((n, axis) => Math.floor((kernel[axis]! - n) / 2));
    return Array.from({ length: two[0]! * two[1]! }, (_, i) => {
      return (first[0]! + Math.floor(i / two[1]!)) * kernel[1]! + first[1]! + (i % two[1]!);
    });
  });
  const nodeColumns = meta.groups.map(({ group }) => {
    const seen = new Map<string, number>();
    return group.features.map(({ kind }) => {
      const before = seen.get(kind) ?? 0;
      seen.set(kind, before + 1);
      return kinds.find((own) => own.kind === kind)!.start + before;
    });
  });
  return { edgeColumns, nodeColumns };
}
