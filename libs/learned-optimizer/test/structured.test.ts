import { cnn, initialize, mlp, resnet, transformer } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import {
  assertClose,
  compile,
  deadInputs,
  mapValues,
  ndarray,
  RandomStream,
  tf,
  withoutPrefix,
  withPrefix,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  checkOptimizer,
  createOptimizer,
  elementGraph,
  graphOutputParameters,
  graphOutputs,
  graphParameters,
  graphValues,
  sparseRound,
  sparseRoundParameters,
} from '@weightspace/learned-optimizer';
import type { LearnedOptimizer } from '@weightspace/learned-optimizer';
import { blockOps } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { hybridKinds, structuredKinds } from './structured-kinds.ts';

const stream = RandomStream.fromSeed(8);
const SMALL = { width: 4 };
const net = mlp({ sizes: [5, 7, 6, 3] });
/** Of each network all sizes differ. */
const architectures: { readonly [name: string]: Architecture } = {
  mlp: net,
  cnn: cnn({ input: { positions: [8, 8], size: 1 }, features: [4, 5], outputs: 3 }),
  resnet: resnet({ blocks: [1], channels: [4], stem: 'cifar', positions: [4, 4], size: 1, outputs: 3 }),
  transformer: transformer({ tokens: 3, vocabulary: 5, width: 4, depth: 1, heads: 2, outputs: 3 }),
};

const drawn = (like: NdArrays, label: string, deviation = 0.3): NdArrays =>
  mapValues(like, ({ shape }, name) => stream.split(label).split(name).normal(shape, 0, deviation));
const withM = (meta: NdArrays): NdArrays =>
  mapValues(meta, ({ data, shape }) => ndarray(Float32Array.from(data), [1, ...shape]));
const weightsOf = (architecture: Architecture, count = 2) => initialize(architecture, stream, { count });

/** One step from the start. */
async function stepped(optimizer: LearnedOptimizer, architecture: Architecture, meta: NdArrays): Promise<NdArrays> {
  const params = weightsOf(architecture);
  const f = compile(
    (m: Tensors, p: Tensors, g: Tensors) =>
      optimizer.update(m, optimizer.start(p), p, g, { step: tf.fill([2], 3) }).params,
    { threads: 1 },
  );
  return (await f(withM(meta) as never, params as never, drawn(params, 'g') as never)) as unknown as NdArrays;
}

describe('structured optimizers', () => {
  // Hybrids have the layers of their families, which are tried on all.
  const tried = (kind: string): string[] =>
    hybridKinds.includes(kind)
      ? ['mlp']
      : kind === 'nfn-lopt'
        ? ['mlp', 'cnn', 'resnet']
        : ['mlp', 'cnn', 'transformer'];
  const cases = structuredKinds.flatMap((kind) => tried(kind).map((name) => [kind, name] as const));
  test.each(cases)('%s on %s is equivariant, and all else that an optimizer must be', async (kind, name) => {
    const architecture = architectures[name]!;
    // One round less where graphs have many blocks, which take long to compile.
    const settings = name === 'transformer' ? { ...SMALL, hiddenLayers: 1 } : SMALL;
    const { equivarianceError } = await checkOptimizer(createOptimizer(kind, architecture, settings), architecture);
    expect(equivarianceError).toBeLessThan(1e-5);
  });

  test.each(['mlp-lopt', 'unf-lopt', 'mlp-ng-gnn-lopt'])(
    '%s with the step and the norm of the code of UNF',
    async (kind) => {
      const settings = { ...SMALL, normalization: 'joint', step: 'residual-momentum' };
      const { equivarianceError } = await checkOptimizer(createOptimizer(kind, net, settings), net);
      expect(equivarianceError).toBeLessThan(1e-5);
    },
  );

  test.each(structuredKinds)('%s: every meta-parameter and every input counts', (kind) => {
    // Of four channels behind a ReLU all can be 0 by chance.
    const optimizer = createOptimizer(kind, net, { width: 8 });
    const params = weightsOf(net);
    const start = drawn(optimizer.initialize(stream), 'meta', 0.5);
    const momenta = mapValues(params, ({ shape, data }, name) =>
      stream
        .split('m')
        .split(name)
        .normal([shape[0]!, 6, data.length / shape[0]!], 0, 0.3),
    );
    const inputs: NdArrays = {
      ...withPrefix('meta ', withM(start)),
      ...withPrefix('p ', params),
      ...withPrefix('g ', drawn(params, 'g')),
      ...withPrefix('m ', momenta),
      step: ndarray([3, 5], [2]),
    };
    const dead = deadInputs((all: Tensors) => {
      const take = (prefix: string) => withoutPrefix(prefix, all);
      const state = withPrefix('momenta.', take('m '));
      const p = take('p ');
      // What moves, 1,000 times larger, so that its gradient isn't lost beside that of p.
      const next = optimizer.update(take('meta '), state, p, take('g '), { step: all['step']! }).params;
      return mapValues(next, (x, name) => tf.mul(tf.sub(x, p[name]!), 1e3) as Tensor);
    }, inputs);
    expect(dead).toEqual([]);
  });

  test.each(structuredKinds.filter((kind) => !hybridKinds.includes(kind)))(
    '%s of one network runs on wider ones',
    async (kind) => {
      const meta = createOptimizer(kind, net, SMALL).initialize(stream);
      const wide = mlp({ sizes: [9, 11, 8, 4] });
      const params = await stepped(createOptimizer(kind, wide, SMALL), wide, meta);
      expect(params['layer1.weight']!.shape).toEqual([2, 11, 9]);
    },
  );

  const deep = mlp({ sizes: [5, 7, 6, 4, 3] });
  test.each(['deep-sets-lopt', 'ng-gnn-lopt', 'gmn-lopt', 'ng-t-lopt', 'mlp-ng-gnn-lopt'])(
    '%s of one network runs on deeper ones',
    async (kind) => {
      const params = await stepped(
        createOptimizer(kind, deep, SMALL),
        deep,
        createOptimizer(kind, net, SMALL).initialize(stream),
      );
      expect(Object.keys(params)).toHaveLength(8);
    },
  );

  test.each([
    [
      'unf-lopt',
      "unf-lopt: meta-parameter 'layer1.[].weight' must have shape [M, 64, 32] for the architecture 'relu mlp 5-7-6-4-3', got [1, 48, 24]",
    ],
    ['nfn-lopt', "nfn-lopt: meta-parameter 'layer1.global.weight' must have shape"],
  ])('%s of one network is refused by deeper ones', async (kind, message) => {
    const meta = createOptimizer(kind, net, SMALL).initialize(stream);
    const refused = stepped(createOptimizer(kind, deep, SMALL), deep, meta);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow('it has maps for every pair of tensors');
  });

  test.each([
    ['nfn-lopt', architectures['transformer']!, {}, 'nfn-lopt: takes'],
    ['unf-lopt', net, { normalization: 'layer' }, "normalization must be one of channel, joint, got 'layer'"],
    ['unf-lopt', net, { step: 'adam' }, "step must be one of direction-magnitude, residual-momentum, got 'adam'"],
    ['ng-t-lopt', net, { heads: 3 }, 'ng-t-lopt: heads must be a divisor of width 32, got 3'],
  ] as const)('%s is refused: case %#', (kind, architecture, settings, message) => {
    expect(() => createOptimizer(kind, architecture, settings)).toThrow(message);
  });

  test.each(hybridKinds)('%s starts as mlp-lopt', async (kind) => {
    const [hybrid, plain] = [createOptimizer(kind, net, SMALL), createOptimizer('mlp-lopt', net, SMALL)];
    const [meta, own] = [hybrid.initialize(stream), plain.initialize(stream)];
    expect(mapValues(own, (_, name) => meta[name])).toEqual(own);
    const expected = await stepped(plain, net, own);
    for (const [name, value] of Object.entries(await stepped(hybrid, net, meta))) {
      assertClose(value, expected[name]!, { rtol: 1e-6, atol: 1e-9 });
    }
  });

  test('deep-sets-lopt gives what a slow loop gives', async () => {
    const optimizer = createOptimizer('deep-sets-lopt', net, { ...SMALL, step: 'residual-momentum' });
    const meta = drawn(optimizer.initialize(stream), 'meta', 0.5);
    const [params, moved] = [weightsOf(net), await stepped(optimizer, net, meta)];
    const grads = drawn(params, 'g');
    for (const n of [0, 1]) {
      const f = slowDeepSets(meta, params, grads, n);
      for (const [name, { data, shape }] of Object.entries(params)) {
        const size = data.length / shape[0]!;
        const expected = f[name]!.map((y, i) => 0.1 * (0.1 * grads[name]!.data[n * size + i]! + 1e-4 * y));
        const actual = expected.map((_, i) => data[n * size + i]! - moved[name]!.data[n * size + i]!);
        assertClose(ndarray(actual, [size]), ndarray(expected, [size]), { rtol: 1e-3, atol: 3e-7 });
      }
    }
  });
});

const TIMES = [1, 3, 10, 30, 100, 300, 1000, 3000, 1e4, 3e4, 1e5];
const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** By parameter: f of each of its elements, from first momenta after step 3, number by number. */
function slowDeepSets(meta: NdArrays, params: NdArrays, grads: NdArrays, n: number): { [name: string]: number[] } {
  const rowsOf = ({ data, shape }: NdArray) => {
    const size = data.length / shape[0]!;
    return Array.from(data).slice(n * size, (n + 1) * size);
  };
  /** Channels by element. */
  let x = Object.fromEntries(
    Object.keys(params).map((name) => {
      const [g, p] = [rowsOf(grads[name]!), rowsOf(params[name]!)];
      const rows = [g, p, ...[0.1, 0.5, 0.9, 0.99, 0.999, 0.9999].map((decay) => g.map((v) => v * (1 - decay)))];
      const scaled = rows.map((row) => row.map((v) => v / Math.sqrt(meanOf(row.map((u) => u * u)) + 1e-5)));
      return [name, g.map((_, i) => scaled.map((row) => row[i]!))];
    }),
  );
  const time = TIMES.map((s) => Math.tanh(3 / s - 1));
  for (let layer = 1; layer <= 3; layer++) {
    const at = (part: string, d: number, c: number) => {
      const { data, shape } = meta[`layer${layer}.${part}`]!;
      return data[d * shape[1]! + c]!;
    };
    const bias = Array.from(meta[`layer${layer}.bias`]!.data, (b, d) =>
      layer > 1 ? b : time.reduce((sum, t, i) => sum + t * meta['layer1.time']!.data[i * 4 + d]!, b),
    );
    const means = mapValues(x, (elements) => elements[0]!.map((_, c) => meanOf(elements.map((e) => e[c]!))));
    const all = means[Object.keys(x)[0]!]!.map((_, c) => meanOf(Object.values(means).map((m) => m[c]!)));
    x = mapValues(x, (elements, name) =>
      elements.map((e) =>
        bias.map((b, d) => {
          const y = e.reduce(
            (sum, v, c) => sum + at('own', d, c) * v + at('set', d, c) * means[name]![c]! + at('all', d, c) * all[c]!,
            b,
          );
          return layer < 3 ? Math.max(0, y) : y;
        }),
      ),
    );
  }
  return mapValues(x, (elements) => elements.map(([y]) => y!));
}

describe('graphValues and graphOutputs', () => {
  const graphs = ['neural-graph', 'graph-metanetwork'].flatMap((style) =>
    Object.keys(architectures).map((name) => [style, name] as const),
  );
  test.each(graphs)('%s of %s: an element comes back from where its features went', async (style, name) => {
    const own = elementGraph(architectures[name]!, style);
    const C = 2;
    // As many channels as an edge or node can have features, so that maps can be the identity.
    const width = C * Math.max(own.columns.edges, own.columns.nodes);
    const options = { inputs: C, outputs: C, width, hiddenLayers: 1, timed: false, zero: false };
    const params = { ...graphParameters(own, options, stream), ...graphOutputParameters(own, options, stream) };
    const starts = new Map(own.columns.kinds.map(({ kind, start }) => [`nodes.${kind}`, start]));
    const meta = mapValues(params, ({ shape }, key): NdArray => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      const [first, columns] = [starts.get(key) ?? 0, own.columns[key.includes('nodes') ? 'nodes' : 'edges']];
      const isMap = /^edges\.(forward|back)$/.test(key) || starts.has(key);
      // Feature c of column w is channel w · C + c, and output c · columns + w.
      if (isMap) for (let i = 0; i < shape[0]!; i++) data[i * width + first * C + i] = 1;
      if (key.endsWith('weight')) {
        for (let w = 0; w < columns; w++)
          for (let c = 0; c < C; c++) data[(w * C + c) * shape[1]! + c * columns + w] = 1;
      }
      return ndarray(data, shape);
    });
    const values = mapValues(weightsOf(own.architecture), ({ shape, data }, key) =>
      stream.split(key).normal([2, C, data.length / shape[0]!]),
    );
    const f = compile(
      (m: Tensors, x: Tensors) => {
        const { nodes, edges } = graphValues(m, own, { values: x });
        return graphOutputs(m, own, { nodes, edges: { of: edges } }, options);
      },
      { threads: 1 },
    );
    const back = (await f(withM(meta) as never, values as never)) as unknown as NdArrays;
    expect(Object.keys(back)).toEqual(Object.keys(values));
    for (const key of Object.keys(values)) assertClose(back[key]!, values[key]!, { rtol: 1e-6, atol: 1e-6 });
  });
});

describe('sparseRound', () => {
  const [D, heads] = [4, 2];
  const own = elementGraph(mlp({ sizes: [2, 3, 2] }), 'neural-graph');
  const { groups, blocks } = own.graph;
  const nodes = Object.fromEntries(groups.map(({ key, size }) => [key, stream.split(key).normal([1, size, D])]));
  const edges = Object.fromEntries(
    blocks.map(({ key, shape: { target, source } }) => [key, stream.split(key).normal([1, 1, target, source, 1, D])]),
  );
  const meta = drawn(sparseRoundParameters('r', D, stream), 'round', 0.5);

  test('attends and updates edge by edge', async () => {
    const f = compile(
      (m: Tensors, x: Tensors, e: Tensors) => {
        const weights = mapValues(x, (value) => value);
        return sparseRound(m, 'r', blockOps(own.graph, own.columns, weights), { nodes: x, edges: e }, heads);
      },
      { threads: 1 },
    );
    const result = (await f(withM(meta) as never, nodes as never, edges as never)) as unknown as {
      readonly nodes: NdArrays;
      readonly edges: NdArrays;
    };
    const slow = slowRound();
    for (const { key } of groups) {
      assertClose(result.nodes[key]!, ndarray(slow.nodes[key]!.flat(), [1, slow.nodes[key]!.length, D]), {
        rtol: 1e-4,
        atol: 1e-4,
      });
    }
    for (const { key } of blocks) {
      assertClose(result.edges[key]!, ndarray(slow.edges[key]!.flat(), edges[key]!.shape), { rtol: 1e-4, atol: 1e-4 });
    }
  });

  /** In plain numbers; rows of nodes, and of edges with the targets' axis slow. */
  function slowRound() {
    const rows = ({ data }: NdArray): number[][] =>
      Array.from({ length: data.length / D }, (_, i) => Array.from(data.slice(i * D, (i + 1) * D)));
    const times = (part: string, x: readonly number[]) =>
      x.map((_, d) => x.reduce((sum, v, c) => sum + v * meta[`r.${part}`]!.data[c * D + d]!, 0));
    const linear = (part: string, x: readonly number[]) =>
      times(`${part}.weight`, x).map((v, d) => v + meta[`r.${part}.bias`]!.data[d]!);
    const plus = (...all: (readonly number[])[]) => all[0]!.map((_, d) => all.reduce((sum, x) => sum + x[d]!, 0));
    const norm = (name: string, x: readonly number[]) => {
      const centred = x.map((v) => v - meanOf(x));
      const deviation = Math.sqrt(meanOf(centred.map((v) => v * v)) + 1e-5);
      return centred.map(
        (v, d) => (v / deviation) * meta[`r.${name}.gain`]!.data[d]! + meta[`r.${name}.shift`]!.data[d]!,
      );
    };
    const gelu = (x: readonly number[]) => x.map((v) => 0.5 * v * (1 + erf(v / Math.SQRT2)));
    const [before, lines] = [mapValues(nodes, rows), mapValues(edges, rows)];
    const after = Object.fromEntries(
      groups.map(({ key }, group) => [
        key,
        before[key]!.map((x, t) => {
          const incoming = blocks.flatMap(({ key: name, source, target, shape }) =>
            target === group
              ? before[groups[source]!.key]!.map((from, s) => ({ from, e: lines[name]![t * shape.source + s]! }))
              : [],
          );
          const scores = incoming.map(({ from, e }) => {
            const [q, k] = [plus(times('q', x), times('edges.q', e)), plus(times('k', from), times('edges.k', e))];
            return [0, 1].map((h) =>
              Math.exp([0, 1].reduce((sum, i) => sum + q[2 * h + i]! * k[2 * h + i]!, 0) / Math.sqrt(D)),
            );
          });
          const totals = [0, 1].map((h) => scores.reduce((sum, own) => sum + own[h]!, 0));
          const y = incoming.reduce<number[]>(
            (sum, { from, e }, i) => {
              const [v, m, direct] = [times('v', from), times('edges.modulation', e), times('edges.v', e)];
              return sum.map((old, d) => {
                const h = Math.floor(d / 2);
                return old + (scores[i]![h]! / totals[h]!) * (v[d]! * m[d]! + direct[d]!);
              });
            },
            [0, 0, 0, 0],
          );
          const once = norm('norm1', plus(x, linear('attended', y)));
          return norm('norm2', plus(once, linear('out', gelu(linear('hidden', once)))));
        }),
      ]),
    );
    const updated = Object.fromEntries(
      blocks.map(({ key, source, target, shape }) => [
        key,
        lines[key]!.map((e, i) => {
          const to = after[groups[target]!.key]![Math.floor(i / shape.source)]!;
          const from = after[groups[source]!.key]![i % shape.source]!;
          return plus(
            e,
            linear('edge.out', gelu(plus(linear('edge', e), linear('source', from), linear('target', to)))),
          );
        }),
      ]),
    );
    return { nodes: after, edges: updated };
  }

  /** By its series, for small x. */
  function erf(x: number): number {
    let [sum, term] = [x, x];
    for (let n = 1; n < 200; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
});
