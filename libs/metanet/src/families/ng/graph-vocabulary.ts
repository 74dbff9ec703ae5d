/** @file What the graphs of one or several architectures have in common: columns of values, and how many ids there are. */
import type { Architecture } from '@weightspace/architecture';
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { viewOffsets } from '@weightspace/parameter-graph';

import { columnsOf, nodeColumns } from '../../graph/columns.ts';
import type { Columns } from '../../graph/columns.ts';
import { metaGraph } from '../../graph/meta-graph.ts';
import type { MetaGraph, MetaGroup } from '../../graph/meta-graph.ts';
import type { Networks } from '../../metanet.ts';

export interface GraphVocabulary {
  readonly columns: Columns;
  /** The most input and output neurons. */
  readonly inputs: number;
  readonly outputs: number;
  /** The most tokens or positions of a table. */
  readonly indices: number;
  /** Columns of neurons between inputs and outputs, at most. */
  readonly layers: number;
  /** The largest ids that occur. */
  readonly largest: { readonly index: number; readonly layer: number };
}

const FIXED_KINDS = ['input', 'output'];

export const neuralGraph = (architecture: Architecture, reversed: boolean, sourceFirst = false): MetaGraph =>
  metaGraph(architecture, { style: 'neural-graph', exact: true, reversed, sourceFirst });

export function vocabularyOf(graphs: readonly MetaGraph[]): GraphVocabulary {
  const groups = graphs.flatMap((graph) => graph.groups);
  const most = (name: 'index' | 'layer', wanted: (group: MetaGroup) => boolean) =>
    Math.max(0, ...groups.filter(wanted).flatMap(({ attributes }) => [...attributes[name]]));
  const isKind = (kind: string) => (own: MetaGroup) => own.group.kind === kind;
  const isOther = ({ group }: MetaGroup) => !FIXED_KINDS.includes(group.kind);
  return {
    columns: columnsOf(graphs),
    inputs: most('index', isKind('input')),
    outputs: most('index', isKind('output')),
    indices: most('index', isOther),
    layers: Math.max(0, most('layer', isOther) - 1),
    largest: { index: most('index', () => true), layer: most('layer', () => true) },
  };
}

interface Moments {
  count: number;
  sum: number;
  squares: number;
}

/**
 * Mean and deviation of the weights, and of the values on nodes, of each layer: scalars, so that normalizing by them is
 * equivariant. Layers are numbered as the attribute `layer` does; those without values have mean 0 and deviation 1.
 *
 * @param given networks with their graphs; weights of shape `[N, …shape]`
 * @returns `edge.mean`, `edge.deviation` `[ids, 1]`, `node.mean`, `node.deviation` `[ids, M]`, `degree` `[1, 1]`: the mean of
 *   log(in-degree + 1) over all nodes
 * Source: Kofinas et al. 2024, arXiv:2403.12143, appendix C. Departs: nodes without edges count in `degree`.
 */
export function measureGraphs(
  { columns, largest }: GraphVocabulary,
  given: readonly { readonly graph: MetaGraph; readonly networks: Networks }[],
): NdArrays {
  const [ids, width] = [largest.layer + 1, Math.max(1, columns.nodes)];
  const edges = moments(ids);
  const nodes = moments(ids * width);
  let [logs, count] = [0, 0];
  for (const { graph, networks } of given) {
    const times = Object.values(networks.weights)[0]!.shape[0]!;
    graph.groups.forEach((own, i) => {
      logs += times * own.size * Math.log(graph.degrees.in[i]! + 1);
      count += times * own.size;
    });
    addEdges(edges, graph, networks);
    addNodes(nodes, graph, networks, columns, width);
  }
  return {
    ...table('edge', edges, 1),
    ...table('node', nodes, width),
    degree: ndarray(Float32Array.of(logs / Math.max(1, count) || 1), [1, 1]),
  };
}

const moments = (count: number): Moments[] => Array.from({ length: count }, () => ({ count: 0, sum: 0, squares: 0 }));

function addEdges(into: Moments[], { blocks, architecture }: MetaGraph, { weights }: Networks): void {
  const shapes = new Map(architecture.parameters.map(({ name, shape }) => [name, shape]));
  for (const { block, reversed, attributes } of blocks) {
    if (reversed || block.view === undefined) continue;
    const { parameter } = block.view;
    addValues(into[attributes.layer[0]!]!, weights[parameter]!, viewOffsets(block.view, shapes.get(parameter)!));
  }
}

function addNodes(into: Moments[], graph: MetaGraph, { weights }: Networks, columns: Columns, width: number): void {
  const shapes = new Map(graph.architecture.parameters.map(({ name, shape }) => [name, shape]));
  for (const own of graph.groups) {
    const ids = nodeColumns(columns, own);
    own.group.parameters.forEach(({ view }, p) => {
      const offsets = viewOffsets(view, shapes.get(view.parameter)!);
      const { places } = view.shape;
      for (let place = 0; place < places; place++) {
        const at = own.attributes.layer[0]! * width + ids[p]![place]!;
        addValues(
          into[at]!,
          weights[view.parameter]!,
          offsets.filter((_, i) => i % places === place),
        );
      }
    });
  }
}

function addValues(into: Moments, { data, shape }: NdArray, offsets: Int32Array): void {
  const stride = sizeOf(shape) / shape[0]!;
  for (let start = 0; start < data.length; start += stride) {
    for (const offset of offsets) {
      const x = data[start + offset]!;
      into.sum += x;
      into.squares += x * x;
    }
  }
  into.count += offsets.length * shape[0]!;
}

function table(name: string, all: readonly Moments[], width: number): NdArrays {
  const shape = [all.length / width, width];
  const mean = all.map(({ count, sum }) => (count === 0 ? 0 : sum / count));
  const deviation = all.map(({ count, squares }, i) =>
    count === 0 ? 1 : Math.sqrt(Math.max(0, squares / count - mean[i]! ** 2)) || 1,
  );
  return {
    [`${name}.mean`]: ndarray(Float32Array.from(mean), shape),
    [`${name}.deviation`]: ndarray(Float32Array.from(deviation), shape),
  };
}
