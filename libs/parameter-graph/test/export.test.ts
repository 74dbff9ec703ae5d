import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { mlp } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import { graphFormats, parameterGraph, toGraphology, writeGraph } from '@weightspace/parameter-graph';
import type { GraphFormat, ParameterGraph } from '@weightspace/parameter-graph';
import { MultiDirectedGraph } from 'graphology';
import { parse as parseGexf } from 'graphology-gexf';
import { parse as parseGraphml } from 'graphology-graphml';
import { afterAll, describe, expect, test } from 'vitest';

import { smallNetworks, weightsOf } from './networks.ts';

const folder = mkdtempSync(join(tmpdir(), 'parameter-graph-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(file: string, format: GraphFormat): MultiDirectedGraph {
  const text = readFileSync(file, 'utf8');
  if (format === 'json') return MultiDirectedGraph.from(JSON.parse(text)) as MultiDirectedGraph;
  return (
    format === 'gexf' ? parseGexf(MultiDirectedGraph, text) : parseGraphml(MultiDirectedGraph, text)
  ) as MultiDirectedGraph;
}

/** Every edge as text: ends, value (to the last bit) and what tells it apart. */
const edgesOf = (graph: MultiDirectedGraph): string[] =>
  graph
    .mapEdges((_, a, source, target) => {
      const value = Number(a['value'] ?? a['weight']);
      return `${source}→${target} ${a['kind']} ${a['parameter'] ?? ''} ${a['index'] ?? ''} ${a['kernel'] ?? ''} ${value}`;
    })
    .sort();

const graphOf = (name: string): ParameterGraph => {
  const architecture = smallNetworks()[name]!;
  return parameterGraph(architecture, weightsOf(architecture));
};

describe('writeGraph', () => {
  test.each(graphFormats.flatMap((format) => ['groups', 'vit', 'tied'].map((name) => [format, name] as const)))(
    'writes %s of %s, and it is read back the same',
    (format, name) => {
      const graph = graphOf(name);
      const file = join(folder, `${name}.${format}`);
      writeGraph(graph, file, format);
      const back = read(file, format);
      expect([back.order, back.size]).toEqual([graph.nodeCount, graph.edgeCount]);
      expect(edgesOf(back)).toEqual(edgesOf(toGraphology(graph) as unknown as MultiDirectedGraph));
      expect(back.getNodeAttribute('0', 'kind')).toBe(graph.groups[0]!.kind);
    },
  );

  test('writes numbers that are not finite, and names that XML reserves', () => {
    const architecture = { ...mlp({ sizes: [1, 2, 1], bias: false }), name: '<a & "b">' };
    const params = {
      'layer1.weight': ndarray(new Float32Array([Infinity, -Infinity]), [2, 1]),
      'layer2.weight': ndarray(new Float32Array([NaN, -0]), [1, 2]),
    };
    const file = join(folder, 'extreme.graphml');
    writeGraph(parameterGraph(architecture, params), file, 'graphml');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('&lt;a &amp; &quot;b&quot;&gt;');
    expect(text).toMatch(/>INF</);
    expect(text).toMatch(/>-INF</);
    expect(text).toMatch(/>NaN</);
  });

  test('leaves nothing behind where it cannot write', () => {
    const missing = join(folder, 'none', 'graph.json');
    expect(() => writeGraph(graphOf('mlp'), missing, 'json')).toThrow(
      `writeGraph: '${missing}' must be a file that can be written`,
    );
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(() => writeGraph(graphOf('mlp'), missing, 'dot' as GraphFormat)).toThrow(
      "formatGraph: format must be one of gexf, graphml, json, got 'dot'",
    );
  });
});

describe('toGraphology', () => {
  test('has each parameter as one edge or attribute, with its layer, kind, head and kernel position', () => {
    const view = toGraphology(graphOf('groups'));
    const kernels = view
      .filterEdges((_, { parameter }) => parameter === 'a.weight')
      .map((edge) => view.getEdgeAttributes(edge));
    expect(kernels).toHaveLength(6 * 2 * 3 * 2);
    expect(new Set(kernels.map(({ kernel }) => kernel))).toEqual(new Set(['0,0', '0,1', '1,0', '1,1', '2,0', '2,1']));
    expect(kernels[0]).toMatchObject({ kind: 'weight', layer: 'a', trainable: true, index: 0 });
    const heads = toGraphology(graphOf('vit'));
    expect(new Set(heads.mapNodes((_, { head }) => head))).toEqual(new Set([undefined, 0, 1]));
    const neural = parameterGraph(smallNetworks()['lstm']!, weightsOf(smallNetworks()['lstm']!), {
      style: 'neural-graph',
    });
    const gates = toGraphology(neural).filterNodes((_, attributes) => 'h.bias_ih[3]' in attributes);
    expect(gates).toHaveLength(3);
  });
});
