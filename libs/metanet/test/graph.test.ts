import type { Architecture } from '@weightspace/architecture';
import {
  assertClose,
  compile,
  deadInputs,
  gradientError,
  mapValues,
  ndarray,
  RandomStream,
  sizeOf,
  tf,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  addFeatures,
  blockOps,
  bucketSize,
  columnsOf,
  combine,
  edgeOps,
  edgeTemplate,
  metaGraph,
  packGraphs,
  parametersOfBlocks,
  unpackGraphs,
} from '@weightspace/metanet';
import type { Features, GraphOps, MetaGraph } from '@weightspace/metanet';
import { parameterGraph, nodeOrder } from '@weightspace/parameter-graph';
import type { ParameterGraph } from '@weightspace/parameter-graph';
import { act, permutationGroup, testElements } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { graphNetworks } from './graph-networks.ts';
import { chain, networksOf } from './networks.ts';

const C = 3;
const stream = RandomStream.fromSeed(5);
const all = Object.values(graphNetworks);
const styles = ['graph-metanetwork', 'neural-graph'];
const cases = Object.entries(graphNetworks).flatMap(([name, architecture]) =>
  styles.flatMap((style) => [false, true].map((reversed) => [name, style, reversed, architecture] as const)),
);

const graphOf = (architecture: Architecture, style: string, reversed = false, exact = true): MetaGraph =>
  metaGraph(architecture, { style, exact, reversed });

/** One network out of a stack. */
const oneOf = (weights: NdArrays, index: number): NdArrays =>
  mapValues(weights, ({ data, shape }) => {
    const size = data.length / shape[0]!;
    return ndarray(data.slice(index * size, (index + 1) * size) as Float32Array, shape.slice(1));
  });

const TABLES = { nodeKind: 13, index: 40, activation: 16, edgeKind: 14, part: 10, place0: 20, direction: 3 };
const columns = (style: string) => columnsOf(all.map((architecture) => graphOf(architecture, style)));

const params = (style: string): NdArrays => {
  const { edges, nodes } = columns(style);
  const own = (name: string, rows: number) => stream.split(name).normal([rows, C], 0, 0.5);
  return {
    edge: own('edge', edges),
    node: own('node', Math.max(1, nodes)),
    ...Object.fromEntries(Object.entries(TABLES).map(([name, rows]) => [name, own(name, rows)])),
  };
};

/** A layer with every operation: node features by every way of aggregation, and what is pooled. */
function layer(
  p: Tensors,
  ops: GraphOps,
): { nodes: Record<string, Features>; edges: Features; pooled: Record<string, Tensor> } {
  const x = addFeatures(
    ops.nodeValues(p['node']!),
    ops.embedNodes('kind', p['nodeKind']!),
    ops.embedNodesBy({ index: p['index']!, activation: p['activation']! }),
  );
  const e = addFeatures(
    ops.edgeValues(p['edge']!),
    ops.embedEdges('kind', p['edgeKind']!),
    ops.embedEdgesBy({ part: p['part']!, place0: p['place0']! }),
    ops.embedEdges('direction', p['direction']!),
  );
  const sines = combine(
    (s, t, own) => tf.sin(tf.add(tf.add(s, tf.mul(t, 2)), own)),
    ops.toSource(x),
    ops.toTarget(x),
    e,
  );
  const weighted = combine((a, v) => tf.mul(a, v), ops.softmax(sines), ops.toSource(x));
  const pooledEdges = ops.poolEdges(sines, 'mean');
  return {
    edges: sines,
    nodes: {
      x,
      sum: ops.aggregate(sines, 'sum'),
      mean: ops.aggregate(sines, 'mean'),
      max: ops.aggregate(sines, 'max'),
      min: ops.aggregate(sines, 'min'),
      out: ops.aggregate(sines, 'mean', 'out'),
      attended: ops.aggregate(weighted, 'sum'),
      degrees: combine((a) => tf.mul(a, tf.ones([1, C])), ops.degrees()),
      spread: addFeatures(ops.spreadNodes(pooledEdges), ops.aggregate(ops.spreadEdges(pooledEdges), 'sum')),
    },
    pooled: {
      edges: pooledEdges,
      most: ops.poolEdges(sines, 'max'),
      nodes: ops.poolNodes(x, 'mean'),
      neurons: ops.poolNodes(ops.aggregate(sines, 'sum'), 'mean', ['neuron', 'output']),
      least: ops.poolNodes(x, 'min', ['neuron']),
      outputs: ops.poolNodes(x, 'sum', ['output']),
    },
  };
}

/** Groups one after the other. @returns shape `[B, V, C]` */
const joinGroups = (graph: MetaGraph, networks: number, x: Features): Tensor =>
  tf.concat(
    graph.groups.map(({ key, size }) => tf.add(x[key]!, tf.zeros([networks, size, 1])) as Tensor),
    1,
  );

function onBlocks(graph: MetaGraph, style: string) {
  return (p: Tensors, w: Tensors): Record<string, Tensor> => {
    const ops = blockOps(graph, columns(style), w);
    const { nodes, pooled } = layer(p, ops);
    return { ...mapValues(nodes, (x) => joinGroups(graph, ops.networks, x)), ...pooledOf(pooled) };
  };
}

const pooledOf = (pooled: Record<string, Tensor>) =>
  Object.fromEntries(Object.entries(pooled).map(([name, x]) => [`pooled ${name}`, x]));

const onLists = (p: Tensors, batch: Tensors): Record<string, Tensor> => {
  const { nodes, pooled } = layer(p, edgeOps(batch));
  return {
    ...mapValues(nodes, (x) => tf.add(x['all']!, tf.zeros([batch['nodeNetwork']!.shape[0]!, 1])) as Tensor),
    ...pooledOf(pooled),
  };
};

const run = async (
  f: (p: Tensors, x: Tensors) => Record<string, Tensor>,
  p: NdArrays,
  x: NdArrays,
): Promise<NdArrays> => (await compile(f, { threads: 1 })(p as never, x as never)) as unknown as NdArrays;

const close = (actual: NdArray, expected: NdArray, what: string) => {
  const scale = Math.max(...Array.from(expected.data, Math.abs), 1e-3);
  try {
    assertClose(actual, expected, { rtol: 0, atol: 2e-5 * scale });
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
};

/** The same, edge by edge in plain numbers, on the arrays of the graph of one network. */
function slow(graph: ParameterGraph, meta: MetaGraph, reversed: boolean, style: string, weights: NdArrays): NdArrays {
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

describe('message passing', () => {
  test.each(cases)(
    'on blocks and on lists of %s (%s, reversed: %s) is what a loop over edges gives',
    async (_, style, reversed, architecture) => {
      const meta = graphOf(architecture, style, reversed);
      const weights = networksOf(architecture, 2);
      const [p, own] = [params(style), columns(style)];
      const blocks = await run(onBlocks(meta, style), p, weights);
      const template = edgeTemplate(meta, own);
      const packed = packGraphs(
        'test',
        [0, 1].map((i) => ({ template, weights: oneOf(weights, i) })),
        own,
      );
      const lists = await run(onLists, p, packed);
      for (const network of [0, 1]) {
        const one = oneOf(weights, network);
        const want = slow(parameterGraph(architecture, one, { style }), meta, reversed, style, one);
        for (const [name, expected] of Object.entries(want)) {
          if (name === 'out' && reversed) continue;
          const rows = name.startsWith('pooled') ? 1 : meta.nodeCount;
          const part = (x: NdArray) =>
            ndarray((x.data as Float32Array).slice(network * rows * C, (network + 1) * rows * C), expected.shape);
          close(part(blocks[name]!), expected, `blocks, ${name}`);
          close(part(lists[name]!), expected, `lists, ${name}`);
        }
      }
    },
  );

  test.each(styles)('on lists gives each network the same in any company (%s)', async (style) => {
    const [p, own] = [params(style), columns(style)];
    const members = all.map((architecture) => ({
      template: edgeTemplate(graphOf(architecture, style, true), own),
      weights: oneOf(networksOf(architecture, 1), 0),
    }));
    const together = await run(onLists, p, packGraphs('test', members.toReversed(), own));
    for (const [i, member] of members.entries()) {
      const alone = await run(onLists, p, packGraphs('test', [member], own));
      const at = members.length - 1 - i;
      for (const name of Object.keys(alone).filter((key) => key.startsWith('pooled'))) {
        const row = (together[name]!.data as Float32Array).slice(at * C, (at + 1) * C);
        close(ndarray(row, [1, C]), alone[name]!, name);
      }
    }
  });

  test.each(cases.filter(([, , reversed]) => !reversed))(
    'moves with the neurons of %s (%s)',
    async (_, style, __, architecture) => {
      const meta = graphOf(architecture, style);
      const weights = networksOf(architecture, 2);
      const [g] = testElements(permutationGroup(architecture), stream.split('g'));
      const order = nodeOrder(parameterGraph(architecture, oneOf(weights, 0), { style }), g!);
      expect(order.some((v, i) => v !== i)).toBe(true);
      const before = await run(onBlocks(meta, style), params(style), weights);
      const after = await run(onBlocks(meta, style), params(style), act(architecture, g!, weights));
      for (const name of ['mean', 'max', 'attended']) {
        const moved = Float32Array.from(after[name]!.data, (_v, i) => {
          const [b, v, c] = [Math.floor(i / (C * meta.nodeCount)), Math.floor(i / C) % meta.nodeCount, i % C];
          return before[name]!.data[(b * meta.nodeCount + order[v]!) * C + c]!;
        });
        close(after[name]!, ndarray(moved, after[name]!.shape), name);
      }
    },
  );
});

describe('values written back', () => {
  test.each(cases)('are the parameters of %s (%s, reversed: %s)', async (_, style, reversed, architecture) => {
    const meta = graphOf(architecture, style, reversed);
    const own = columns(style);
    const weights = networksOf(architecture, 2);
    const same = (ops: GraphOps) =>
      [ops.edgeValues(tf.eye(own.edges)), own.nodes === 0 ? {} : ops.nodeValues(tf.eye(own.nodes))] as const;
    const f = (_p: Tensors, w: Tensors) => parametersOfBlocks(meta, own, 2, ...same(blockOps(meta, own, w)));
    const back = await run(f, {}, weights);
    expect(Object.keys(back)).toEqual(architecture.parameters.map(({ name }) => name));
    for (const [name, value] of Object.entries(weights)) expect(back[name], name).toEqual(value);
    const template = edgeTemplate(meta, own);
    const packed = packGraphs(
      'test',
      [0, 1].map((i) => ({ template, weights: oneOf(weights, i) })),
      own,
    );
    const [first, second] = unpackGraphs([template, template], own, packed['values']!, packed['nodeValues']!);
    expect(first).toEqual(oneOf(weights, 0));
    expect(second).toEqual(oneOf(weights, 1));
  });

  test('leave out running statistics where the graph does', async () => {
    const architecture =
      graphNetworks['resnet 1'] ?? all.find(({ parameters }) => parameters.some(({ kind }) => kind === 'statistic'))!;
    const meta = graphOf(architecture, styles[0]!, false, false);
    const own = columnsOf([meta]);
    const f = (_p: Tensors, w: Tensors) =>
      parametersOfBlocks(meta, own, 2, blockOps(meta, own, w).edgeValues(tf.eye(1)));
    const back = await run(f, {}, networksOf(architecture, 2));
    for (const { name, kind } of architecture.parameters) {
      expect(
        back[name]!.data.some((v) => v !== 0),
        name,
      ).toBe(kind !== 'statistic');
    }
  });
});

describe('gradients', () => {
  const small = (f: (p: Tensors) => Record<string, Tensor>) => (p: Tensors) =>
    Object.fromEntries(
      Object.entries(f(p)).filter(([name]) => ['mean', 'max', 'attended', 'pooled edges'].includes(name)),
    );
  const style = styles[0]!;
  const tinyParams = () => {
    const { edge, nodeKind, index } = params(style);
    return { edge: edge!, nodeKind: nodeKind!, index: index! };
  };
  const fill = (p: Tensors) => ({
    ...mapValues(params(style), (x) => tf.tensor(x.data as Float32Array, [...x.shape]) as Tensor),
    ...p,
  });

  test('of blocks and of lists agree with differences', () => {
    const meta = graphOf(chain, style);
    const own = columns(style);
    const weights = networksOf(chain, 2);
    const tensors = mapValues(weights, (x) => tf.tensor(x.data as Float32Array, [...x.shape]) as Tensor);
    const onBlock = small((p) => onBlocks(meta, style)(fill(p), tensors));
    expect(gradientError(onBlock, tinyParams(), 3e-3)).toBeLessThan(2e-2);
    const template = edgeTemplate(meta, own);
    const packed = packGraphs('test', [{ template, weights: oneOf(weights, 0) }], own);
    const batch = mapValues(
      packed,
      (x) => tf.tensor(x.data as Float32Array, [...x.shape], x.dtype as 'float32') as Tensor,
    );
    expect(
      gradientError(
        small((p) => onLists(fill(p), batch)),
        tinyParams(),
        3e-3,
      ),
    ).toBeLessThan(2e-2);
  });

  test.each(Object.keys(graphNetworks))('flow to all weights of %s', (name) => {
    const architecture = graphNetworks[name]!;
    for (const own of styles) {
      const p = mapValues(params(own), (x) => tf.tensor(x.data as Float32Array, [...x.shape]) as Tensor);
      const f = (w: Tensors) => onBlocks(graphOf(architecture, own), own)(p, w);
      expect(deadInputs(f, networksOf(architecture, 1)), own).toEqual([]);
    }
  });
});

test('bucket sizes are the next of powers of √2', () => {
  expect([1, 2, 3, 4, 5, 7, 9, 13, 17, 1000].map(bucketSize)).toEqual([1, 2, 3, 4, 6, 8, 12, 16, 23, 1024]);
});
