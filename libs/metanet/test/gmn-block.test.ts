import {
  assertClose,
  compile,
  deadInputs,
  gradientError,
  mapValues,
  ndarray,
  RandomStream,
  tf,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  columnsOf,
  createMixedMetanet,
  edgeOps,
  edgeTemplate,
  gmnBlock,
  gmnBlockParameters,
  metaGraph,
  packGraphs,
} from '@weightspace/metanet';
import type { GmnBlockSettings } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { graphNetworks } from './graph-networks.ts';
import { networksOf, tiny } from './networks.ts';

const D = 6;
const HEADS = 3;
const stream = RandomStream.fromSeed(23);
const graph = metaGraph(tiny, { style: 'graph-metanetwork', exact: true, reversed: true });
const columns = columnsOf([graph]);
const template = edgeTemplate(graph, columns);
const weights = mapValues(networksOf(tiny, 1), ({ data, shape }) => ndarray(data as Float32Array, shape.slice(1)));
const packed = packGraphs('test', [{ template, weights }], columns);
const V = packed['nodeNetwork']!.shape[0]!;
const E = packed['edgeNetwork']!.shape[0]!;
const features: NdArrays = { nodes: stream.split('x').normal([V, D]), edges: stream.split('e').normal([E, D]) };

const settingsOf = (layer: string): GmnBlockSettings => ({ width: D, layer, heads: HEADS, dropout: 0 });
/** As they start, but with all norms' gains and shifts, and degree factors, different from 1 and 0. */
const paramsOf = (layer: string, last: boolean): NdArrays =>
  mapValues(gmnBlockParameters('b', settingsOf(layer), last, stream.split(layer)), (x, name) =>
    /gain|shift|degree/.test(name) ? stream.split(name).normal(x.shape, 0.7, 0.5) : x,
  );

const tensorsOf = (arrays: NdArrays): Tensors =>
  mapValues(arrays, (x) => tf.tensor(x.data as Float32Array, [...x.shape], x.dtype as 'float32') as Tensor);

const apply = (layer: string, last: boolean) => (p: Tensors, x: Tensors, batch: Tensors) => {
  const from = { nodes: { all: x['nodes']! }, edges: { all: x['edges']! } };
  const { nodes, edges } = gmnBlock(p, 'b', edgeOps(batch), from, settingsOf(layer), last);
  return { nodes: nodes['all']!, edges: edges['all']! };
};

// The same in plain numbers, edge by edge, as the paper writes it.
type Row = readonly number[];
const range = (n: number) => [...Array(n).keys()];
const rowOf = (x: NdArray, i: number): Row => range(D).map((c) => x.data[i * D + c]!);
const relu = (x: Row): Row => x.map((v) => Math.max(v, 0));
const plus = (...rows: readonly Row[]): Row => rows[0]!.map((_, c) => rows.reduce((sum, row) => sum + row[c]!, 0));
const times = (x: Row, by: number): Row => x.map((v) => v * by);

function reader(p: NdArrays) {
  const linear = (name: string, x: Row): Row => {
    const weight = p[`b.${name}.weight`]!;
    const outs = weight.shape[1]!;
    expect(weight.shape[0]).toBe(x.length);
    return range(outs).map((o) =>
      x.reduce((sum, v, i) => sum + v * weight.data[i * outs + o]!, p[`b.${name}.bias`]?.data[o] ?? 0),
    );
  };
  const norm = (end: string, x: Row): Row => {
    const mean = x.reduce((a, b) => a + b, 0) / D;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / D;
    return x.map(
      (v, c) =>
        ((v - mean) / Math.sqrt(variance + 1e-5)) * p[`b.${end}.gain`]!.data[c]! + p[`b.${end}.shift`]!.data[c]!,
    );
  };
  return { linear, norm };
}

function slow(layer: string, last: boolean): { nodes: readonly Row[]; edges: readonly Row[] } {
  const p = paramsOf(layer, last);
  const { linear, norm } = reader(p);
  const x = range(template.nodeCount).map((v) => rowOf(features['nodes']!, v));
  const e = range(template.edgeCount).map((i) => rowOf(features['edges']!, i));
  const [nx, ne] = [x.map((row) => norm('node', row)), e.map((row) => norm('edge', row))];
  const [source, target] = [template.source, template.target];
  const incoming = (v: number) => range(template.edgeCount).filter((i) => target[i] === v);
  let newEdges: Row[];
  let newNodes: Row[] = [];
  if (layer === 'messages') {
    newEdges = ne.map((row, i) => relu(linear('update.edge', [...nx[source[i]!]!, ...nx[target[i]!]!, ...row])));
    if (!last)
      newNodes = nx.map((row, v) => {
        const messages = incoming(v).map((i) => relu(linear('message', [...nx[source[i]!]!, ...newEdges[i]!])));
        const mean = messages.length === 0 ? times(row, 0) : times(plus(...messages), 1 / messages.length);
        return relu(linear('update.node', [...row, ...mean]));
      });
  } else {
    const root = (z: number) => z / Math.sqrt(Math.abs(z) + 1e-4);
    const hidden = ne.map((row, i) => {
      const qk = plus(linear('query', nx[target[i]!]!), linear('key', nx[source[i]!]!));
      const [w, u] = [linear('factor', row), linear('offset', row)];
      return relu(qk.map((v, c) => root(v * w[c]!) + u[c]!));
    });
    newEdges = hidden.map((row) => linear('mix.edge', row));
    const size = D / HEADS;
    const attend = (v: number): Row => {
      const own = incoming(v);
      const result = new Array<number>(D).fill(0);
      for (const h of range(HEADS)) {
        const channels = range(size).map((i) => h * size + i);
        const logits = own.map((i) => channels.reduce((sum, c) => sum + hidden[i]![c]! * p['b.logit']!.data[c]!, 0));
        const total = logits.reduce((sum, l) => sum + Math.exp(l), 0);
        own.forEach((i, n) => {
          const share = Math.exp(logits[n]!) / total;
          const value = linear('value', nx[source[i]!]!);
          channels.forEach((c, at) => {
            const seen = channels.reduce(
              (sum, from) => sum + hidden[i]![from]! * p['b.enhance.weight']!.data[from * size + at]!,
              0,
            );
            result[c]! += share * (value[c]! + seen);
          });
        });
      }
      const log = Math.log(1 + own.length);
      return result.map((y, c) => y * (p['b.degree.plain']!.data[c]! + log * p['b.degree.log']!.data[c]!));
    };
    if (!last) newNodes = nx.map((_, v) => linear('mix.node', attend(v)));
  }
  const silu = (row: Row): Row => row.map((v) => v / (1 + Math.exp(-v)));
  return {
    edges: e.map((row, i) => plus(row, linear('edge.out', silu(newEdges[i]!)))),
    nodes: last ? x : x.map((row, v) => plus(row, linear('node.out', silu(newNodes[v]!)))),
  };
}

describe('gmnBlock', () => {
  test.each([
    ['messages', false],
    ['messages', true],
    ['attention', false],
    ['attention', true],
  ] as const)('with %s (last: %s) is what a loop over edges gives', async (layer, last) => {
    const f = compile(apply(layer, last), { threads: 1 });
    const y = (await f(paramsOf(layer, last) as never, features as never, packed as never)) as unknown as NdArrays;
    const want = slow(layer, last);
    for (const end of ['nodes', 'edges'] as const) {
      const rows = want[end];
      const got = ndarray((y[end]!.data as Float32Array).slice(0, rows.length * D), [rows.length, D]);
      assertClose(got, ndarray(rows.flat(), [rows.length, D]), { rtol: 1e-4, atol: 1e-4 });
      const before = features[end]!.data.slice(0, rows.length * D);
      expect(got.data.some((v, i) => v !== before[i])).toBe(end === 'edges' || !last);
    }
  });

  test.each(['messages', 'attention'])('with %s has the gradients of differences, and no dead parameter', (layer) => {
    const batch = tensorsOf(packed);
    const given = tensorsOf(features);
    const f = (p: Tensors) => {
      const { nodes, edges } = apply(layer, false)(p, given, batch);
      return { nodes: tf.mul(nodes, batch['nodeMask']!), edges: tf.mul(edges, batch['edgeMask']!) };
    };
    expect(deadInputs(f, paramsOf(layer, false))).toEqual([]);
    // Few parameters, since differences take two calls for each element. Kinks of ReLU, and the root's bend at 0, make
    // errors of some percent; a wrong gradient makes them near 1.
    const all = paramsOf(layer, false);
    const fewer = (name: string) => /gain|shift|logit|degree|update.node.bias|mix.node.bias/.test(name);
    const some = Object.fromEntries(Object.entries(all).filter(([name]) => fewer(name))) as NdArrays;
    const rest = tensorsOf(all);
    expect(gradientError((p: Tensors) => f({ ...rest, ...p }), some, 3e-3)).toBeLessThan(8e-2);
  });
});

test('attention gives the same on blocks and on lists', async () => {
  const own = [tiny, graphNetworks['fused']!, graphNetworks['queries']!];
  const settings = { width: 12, layers: 2, layer: 'attention', heads: 3, readout: 'both', head: [9] };
  const model = createMixedMetanet('gmn', own, 5, settings);
  const params = model.initialize(stream.split('p'));
  const stacks = own.map((architecture) => ({ architecture, weights: networksOf(architecture, 1) }));
  const fixed = model.measure(stacks, stream.split('f'));
  const members = stacks.map(({ architecture, weights: stack }) => ({
    architecture,
    weights: mapValues(stack, ({ data, shape }) => ndarray(data as Float32Array, shape.slice(1))),
  }));
  const f = compile((p: Tensors, x: Tensors, b: Tensors) => model.apply(p, x, b), { threads: 1 });
  const lists = (await f(params as never, fixed as never, model.pack(members) as never)) as unknown as NdArray;
  for (const [i, { architecture, weights: stack }] of stacks.entries()) {
    const on = model.on(architecture);
    const dense = compile((p: Tensors, x: Tensors, w: Tensors) => on.apply(p, x, w), { threads: 1 });
    const y = (await dense(params as never, fixed as never, stack as never)) as unknown as NdArray;
    const row = ndarray((lists.data as Float32Array).slice(i * 5, (i + 1) * 5), [1, 5]);
    assertClose(y, row, { rtol: 1e-4, atol: 2e-6 });
  }
});
