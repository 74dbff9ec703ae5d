import { siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, gradientError, mapValues, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  applyLinear,
  blockOps,
  columnsOf,
  createEditor,
  createMetanet,
  edgeUpdateParameters,
  metaGraph,
  metanetKind,
  pna,
  pnaParameters,
  updatePnaEdges,
} from '@weightspace/metanet';
import type { Features, Settings } from '@weightspace/metanet';
import { structureArrays } from '@weightspace/parameter-graph';
import {
  act,
  assertBatchIndependence,
  assertEquivariance,
  permutationGroup,
  testElements,
} from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { BATCH, networksOf, tiny } from '../networks.ts';

const stream = RandomStream.fromSeed(21);
const graphOf = (architecture: Architecture, reversed: boolean) =>
  metaGraph(architecture, { style: 'neural-graph', exact: true, reversed });
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('published settings', () => {
  const architecture = siren({ sizes: [2, 32, 32, 1] });
  test.each(['ng-t', 'ng-gnn'])(
    '%s has the published number of parameters, and 64 probes add 17,280 at 64 channels',
    (kind) => {
      const { settings, parameterCount } = metanetKind(kind).published!;
      const count = (more: Settings) =>
        createMetanet(kind, architecture, 10, { ...(settings as Settings), ...more }).parameterCount;
      expect(count({})).toBe(parameterCount);
      const d = kind === 'ng-t' ? 64 : 32;
      expect(count({ probes: 64 }) - count({})).toBe(4 * (64 * d + 3 * d) + 128);
      if (kind === 'ng-t') expect(count({ probes: 64 }) - count({})).toBe(17_280);
    },
  );
});

describe('pna and updatePnaEdges', () => {
  const C = 3;
  const B = 2;
  const graph = graphOf(tiny, true);
  const params = { ...pnaParameters('l', C, stream), ...edgeUpdateParameters('u', C, stream) };
  const nodes: NdArrays = Object.fromEntries(
    graph.groups.map(({ key, size }) => [key, stream.split(key).normal([B, size, C])]),
  );
  const edges: NdArrays = Object.fromEntries(
    graph.blocks.map(({ key, shape }) => [
      key,
      stream.split(`e ${key}`).normal([B, 1, shape.target, shape.source, 1, C]),
    ]),
  );
  const weights = mapValues(networksOf(tiny, B), toTensor) as Tensors;
  const ops = () => blockOps(graph, columnsOf([graph]), weights);
  const logDegree = 1.3;
  const row = (array: NdArray, i: number) => Array.from(array.data.subarray(i * C, (i + 1) * C));
  const at = (b: number, node: number): number[] => {
    const own = graph.groups.find(({ group, size }) => node >= group.start && node < group.start + size)!;
    return row(nodes[own.key]!, b * own.size + node - own.group.start);
  };
  const arrays = structureArrays(graph.structure);
  /** Every edge with its ends, in the order of blocks. */
  const listed = (b: number) => {
    let first = 0;
    return graph.blocks.flatMap(({ key, size, reversed }) => {
      const start = first % graph.structure.edgeCount;
      first += size;
      return Array.from({ length: size }, (_, i) => {
        // A reversed block's axes have changed places: its edge (t, s) is the original's (s, t).
        const own = graph.blocks.find((block) => block.key === key)!;
        const [t, s] = [Math.floor(i / own.shape.source), i % own.shape.source];
        const original = reversed ? s * own.shape.target + t : i;
        const ends = [arrays.source[start + original]!, arrays.target[start + original]!] as const;
        const [source, target] = reversed ? [ends[1], ends[0]] : ends;
        return { source, target, e: row(edges[key]!, b * size + i), key, i };
      });
    });
  };
  const linear = (name: string, input: readonly number[]) => {
    const [weight, bias] = [params[`${name}.weight`]!, params[`${name}.bias`]!];
    const D = weight.shape[1]!;
    return Array.from({ length: D }, (_, d) => bias.data[d]! + sum(input.map((v, c) => v * weight.data[c * D + d]!)));
  };

  test('aggregate messages edge by edge', () => {
    const y = pna(
      mapValues(params, toTensor),
      'l',
      ops(),
      mapValues(nodes, toTensor),
      { of: mapValues(edges, toTensor) },
      tf.tensor2d([[logDegree]]),
    );
    for (let b = 0; b < B; b++) {
      for (const { key, size, group } of graph.groups) {
        for (let n = 0; n < size; n++) {
          const node = group.start + n;
          const messages = listed(b)
            .filter(({ target }) => target === node)
            .map(({ source, e }) => {
              const modulation = linear('l.modulation', e);
              const m = linear('l.message', [...at(b, node), ...at(b, source)]);
              return m.map((v, c) => modulation[c]! * v + modulation[C + c]!);
            });
          const columns = Array.from({ length: C }, (_, c) => messages.map((m) => m[c]!));
          const means = columns.map((m) => sum(m) / m.length);
          const aggregated = [
            ...means,
            ...columns.map((m) => Math.min(...m)),
            ...columns.map((m) => Math.max(...m)),
            ...columns.map((m, c) => Math.sqrt(sum(m.map((v) => (v - means[c]!) ** 2)) / m.length + 1e-5)),
          ];
          const amplified = aggregated.map((v) => (v * Math.log(messages.length + 1)) / logDegree);
          const expected = linear('l.out', linear('l.mix', [...at(b, node), ...aggregated, ...amplified]));
          const given = y[key]!.dataSync() as Float32Array;
          expected.forEach((v, c) => expect(Math.abs(given[(b * size + n) * C + c]! - v)).toBeLessThan(2e-5));
        }
      }
    }
  });

  test('see nothing at nodes without edges, and the same with sources first', () => {
    const forward = graphOf(tiny, false);
    const sourceFirst = metaGraph(tiny, { style: 'neural-graph', exact: true, reversed: false, sourceFirst: true });
    const e = mapValues(edges, toTensor) as Record<string, Tensor>;
    const given = Object.fromEntries(forward.blocks.map(({ key }) => [key, e[key]!]));
    const swapped = mapValues(given, (x) => tf.transpose(x, [0, 1, 3, 2, 4, 5]) as Tensor);
    const summary = (own: typeof graph, features: Features) =>
      blockOps(own, columnsOf([own]), weights).summarize(features);
    const [plain, other] = [summary(forward, given), summary(sourceFirst, swapped)];
    const [input, ...rest] = forward.groups.map(({ key }) => key);
    const nothing = Array.from(plain[input!]!.dataSync());
    const deviation = Math.fround(Math.sqrt(1e-5));
    expect(nothing).toEqual([...Array<number>(3 * C).fill(0), ...Array<number>(C).fill(deviation)]);
    for (const key of rest) {
      expect(plain[key]!.shape[2]).toBe(4 * C);
      // Sums in another order.
      const difference = tf.max(tf.abs(tf.sub(plain[key]!, other[key]!))).dataSync()[0]!;
      expect(difference).toBeLessThan(1e-5);
    }
  });

  test('update edges edge by edge', () => {
    const updated = updatePnaEdges(mapValues(params, toTensor), 'u', ops(), mapValues(nodes, toTensor), {
      of: mapValues(edges, toTensor),
    });
    const y = applyLinear(updated);
    for (const { source, target, e, key, i } of listed(1)) {
      const [a, s, t] = [linear('u.edge', e), linear('u.source', at(1, source)), linear('u.target', at(1, target))];
      const hidden = a.map((v, c) => v + s[c]! + t[c]!).map((v) => v / (1 + Math.exp(-v)));
      const given = y[key]!.dataSync() as Float32Array;
      const size = y[key]!.size / B / C;
      linear('u.out', hidden).forEach((v, c) => expect(Math.abs(given[(size + i) * C + c]! - v)).toBeLessThan(2e-5));
    }
  });

  test('have the gradients of differences', () => {
    const own = Object.keys(params).filter((name) => name.startsWith('l.'));
    const f = (given: Record<string, Tensor>) => {
      const e = mapValues(edges, (_, key) => given[`e.${key}`]!) as Features;
      const x = mapValues(nodes, (_, key) => given[`x.${key}`]!) as Features;
      return pna(given, 'l', ops(), x, { of: e }, tf.tensor2d([[logDegree]])) as Record<string, Tensor>;
    };
    const inputs = {
      ...Object.fromEntries(own.map((name) => [name, params[name]!])),
      ...Object.fromEntries(Object.entries(edges).map(([key, v]) => [`e.${key}`, v])),
      ...Object.fromEntries(Object.entries(nodes).map(([key, v]) => [`x.${key}`, v])),
    };
    // Deviations curve: the difference shrinks with the square of the distance, 0.03 at 3e-3.
    expect(gradientError(f, inputs, 1e-3)).toBeLessThan(1e-2);
  });
});

describe('the defects of the public code are found', () => {
  const settings = { depth: 2, channels: 9, frequencies: 8, frequencyScale: 0.3, dropout: 0 };
  const editor = createEditor('ng-gnn', tiny, settings);
  const params = editor.initialize(stream.split('params'));
  const fixed = editor.measure(networksOf(tiny, 20), stream.split('fixed'));
  const run = (change: (y: Record<string, Tensor>, w: Tensors) => Record<string, Tensor>) => {
    const f = compile((p: Tensors, x: Tensors, w: Tensors) => change(editor.apply(p, x, w), w), { threads: 1 });
    return (w: NdArrays) => f(params as never, fixed as never, w as never) as unknown as Promise<NdArrays>;
  };
  const common = {
    name: 'biases',
    input: networksOf(tiny, BATCH),
    elements: testElements(permutationGroup(tiny), stream.split('elements')),
    actIn: (g: never, x: NdArrays) => act(tiny, g, x),
    actOut: (g: never, y: NdArrays) => act(tiny, g, y),
    tolerance: 1e-5,
  };
  const biases = tiny.parameters.filter(({ kind }) => kind === 'bias').map(({ name }) => name);

  test('changes of biases taken from the first nodes, which are inputs, are not equivariant', async () => {
    const shifted = run((y) => {
      const all = tf.concat(
        biases.map((name) => y[name]!),
        1,
      );
      const [B, total] = all.shape as [number, number];
      // As if the nodes of the two inputs came first, and the last two were left out.
      const moved = tf.concat([tf.zeros([B, 2]), tf.slice(all, [0, 0], [B, total - 2])], 1);
      let start = 0;
      const wrong = biases.map((name): [string, Tensor] => {
        const size = y[name]!.shape[1]!;
        start += size;
        return [name, tf.slice(moved, [0, start - size], [B, size])];
      });
      return { ...y, ...Object.fromEntries(wrong) };
    });
    await expect(assertEquivariance({ ...common, f: shifted } as never)).rejects.toThrow('equivariance');
    await assertEquivariance({ ...common, f: run((y) => y) } as never);
  });

  test('a norm over all networks of a batch makes them depend on each other', async () => {
    const joint = run((y) => mapValues(y, (v) => tf.sub(v, tf.mul(tf.mean(v), 1e-3)) as Tensor));
    await expect(assertBatchIndependence({ f: joint, input: common.input, tolerance: 1e-5 })).rejects.toThrow();
    await assertBatchIndependence({ f: run((y) => y), input: common.input, tolerance: 1e-5 });
  });
});
