import { assertClose, compile, deadInputs, gradientError, mapValues, ndarray, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  addFeatures,
  blockOps,
  bucketSize,
  columnsOf,
  combine,
  edgeOps,
  edgeTemplate,
  packGraphs,
  parametersOfBlocks,
  unpackGraphs,
} from '@weightspace/metanet';
import type { Features, GraphOps, MetaGraph } from '@weightspace/metanet';
import { parameterGraph, nodeOrder } from '@weightspace/parameter-graph';
import { act, permutationGroup, testElements } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { graphNetworks } from './graph-networks.ts';
import { all, C, columns, graphOf, params, slow, stream, styles } from './graph-oracle.ts';
import { chain, networksOf } from './networks.ts';

const cases = Object.entries(graphNetworks).flatMap(([name, architecture]) =>
  styles.flatMap((style) => [false, true].map((reversed) => [name, style, reversed, architecture] as const)),
);
/** Also as the public code has it: queries, keys and values at one set of nodes, no heads, no running statistics. */
const published = ['fused', 'queries', 'resnet6 1'].map((name) => {
  return [`published ${name}`, styles[0]!, true, graphNetworks[name]!] as const;
});

/** One network out of a stack. */
const oneOf = (weights: NdArrays, index: number): NdArrays =>
  mapValues(weights, ({ data, shape }) => {
    const size = data.length / shape[0]!;
    return ndarray(data.slice(index * size, (index + 1) * size) as Float32Array, shape.slice(1));
  });

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

describe('message passing', () => {
  test.each([...cases, ...published])(
    'on blocks and on lists of %s (%s, reversed: %s) is what a loop over edges gives',
    async (name, style, reversed, architecture) => {
      const exact = !name.startsWith('published');
      const meta = graphOf(architecture, style, reversed, exact);
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
        const want = slow(parameterGraph(architecture, one, { style, exact }), meta, reversed, style, one);
        for (const [what, expected] of Object.entries(want)) {
          if (what === 'out' && reversed) continue;
          const rows = what.startsWith('pooled') ? 1 : meta.nodeCount;
          const part = (x: NdArray) =>
            ndarray((x.data as Float32Array).slice(network * rows * C, (network + 1) * rows * C), expected.shape);
          close(part(blocks[what]!), expected, `blocks, ${what}`);
          close(part(lists[what]!), expected, `lists, ${what}`);
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
