/** @file Networks of any architectures as one list of nodes and one of edges. */
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

import { MetanetError } from '../metanet.ts';
import { EDGE_ATTRIBUTES, NODE_ATTRIBUTES } from './attributes.ts';
import type { Columns } from './columns.ts';
import type { EdgeTemplate, Fill } from './edge-template.ts';

export interface PackedNetwork {
  readonly template: EdgeTemplate;
  /** Of one network; shape `[…shape]` */
  readonly weights: NdArrays;
}

/** The least of 1, 2, 3, 4, 6, 8, 12, 16, 23, … (powers of √2) that is at least `size`: few sizes, few compiled graphs. */
export function bucketSize(size: number): number {
  let exponent = Math.max(0, Math.floor(2 * Math.log2(Math.max(1, size))) - 1);
  while (Math.ceil(2 ** (exponent / 2)) < size) exponent++;
  return Math.ceil(2 ** (exponent / 2));
}

/**
 * Letters: V nodes and E edges of all networks, padded to a bucket's size; B networks; W, M columns of values;
 * L ≥ log₂ of the largest in-degree.
 *
 * The last node is padding, where all edges that are padding begin and end; the network of either is −1.
 *
 * @returns `values` `[E, W]`, `nodeValues` `[V, M]`, `source`, `target`, `edgeNetwork` `[E]`, `nodeNetwork` `[V]`,
 *   `edge.<attribute>` `[E]`, `node.<attribute>` `[V]`, `inDegree`, `outDegree` `[V, 1]`, `firstEdge` `[V]`, `lastEdge` `[E]`
 *   (of the edges with the same target), `doublings` `[L]`, `edgeCount`, `nodeCount` `[B, 1]`, `outputs` `[B, most]` (nodes,
 *   padding where a network has fewer), `edgeMask` `[E, 1]`, `nodeMask` `[V, 1]`
 * @throws {MetanetError} when there are no networks
 */
export function packGraphs(kind: string, networks: readonly PackedNetwork[], columns: Columns): NdArrays {
  if (networks.length === 0) throw new MetanetError(kind, 'pack: networks must be at least one, got 0');
  const total = (of: (template: EdgeTemplate) => number) =>
    networks.reduce((sum, { template }) => sum + of(template), 0);
  const V = bucketSize(total(({ nodeCount }) => nodeCount) + 1);
  const E = bucketSize(total(({ edgeCount }) => edgeCount));
  const B = networks.length;
  const padding = V - 1;
  const most = Math.max(...networks.map(({ template }) => template.outputs.length));
  const degree = Math.max(1, ...networks.map(({ template }) => template.inDegrees.reduce((a, b) => Math.max(a, b), 0)));
  const int = (size: number, start: number) => new Int32Array(size).fill(start);
  const edge = {
    source: int(E, padding),
    target: int(E, padding),
    edgeNetwork: int(E, -1),
    lastEdge: Int32Array.from({ length: E }, (_, i) => i),
    ...Object.fromEntries(EDGE_ATTRIBUTES.map((name) => [`edge.${name}`, int(E, 0)])),
  } as Record<string, Int32Array>;
  const node = {
    nodeNetwork: int(V, -1),
    firstEdge: int(V, 0),
    ...Object.fromEntries(NODE_ATTRIBUTES.map((name) => [`node.${name}`, int(V, 0)])),
  } as Record<string, Int32Array>;
  const floats = {
    values: new Float32Array(E * columns.edges),
    nodeValues: new Float32Array(V * columns.nodes),
    inDegree: new Float32Array(V),
    outDegree: new Float32Array(V),
    edgeMask: new Float32Array(E),
    nodeMask: new Float32Array(V),
  };
  const outputs = int(B * most, padding);
  let [v, e] = [0, 0];
  networks.forEach(({ template, weights }, b) => {
    fillEdges(edge, template, b, v, e);
    fillNodes(node, template, b, v, e);
    template.inDegrees.forEach((degree, i) => (floats.inDegree[v + i] = degree));
    template.outDegrees.forEach((degree, i) => (floats.outDegree[v + i] = degree));
    floats.edgeMask.fill(1, e, e + template.edgeCount);
    floats.nodeMask.fill(1, v, v + template.nodeCount);
    template.outputs.forEach((at, i) => (outputs[b * most + i] = v + at));
    const flat = flatten(kind, template, weights);
    fillValues(floats.values, template.edgeFill, flat, e, columns.edges);
    fillValues(floats.nodeValues, template.nodeFill, flat, v, columns.nodes);
    v += template.nodeCount;
    e += template.edgeCount;
  });
  return {
    ...Object.fromEntries(
      Object.entries({ ...edge, ...node }).map(([name, data]) => [name, ndarray(data, [data.length])]),
    ),
    values: ndarray(floats.values, [E, columns.edges]),
    nodeValues: ndarray(floats.nodeValues, [V, columns.nodes]),
    inDegree: ndarray(floats.inDegree, [V, 1]),
    outDegree: ndarray(floats.outDegree, [V, 1]),
    edgeMask: ndarray(floats.edgeMask, [E, 1]),
    nodeMask: ndarray(floats.nodeMask, [V, 1]),
    doublings: ndarray(int(Math.ceil(Math.log2(bucketSize(degree))) + 1, 0), [
      Math.ceil(Math.log2(bucketSize(degree))) + 1,
    ]),
    edgeCount: ndarray(
      networks.map(({ template }) => template.edgeCount),
      [B, 1],
    ),
    nodeCount: ndarray(
      networks.map(({ template }) => template.nodeCount),
      [B, 1],
    ),
    outputs: ndarray(outputs, [B, most]),
  };
}

type Ints = Record<string, Int32Array>;

function fillEdges(into: Ints, template: EdgeTemplate, network: number, v: number, e: number): void {
  const { edgeCount, source, target, edgeAttributes } = template;
  into['edgeNetwork']!.fill(network, e, e + edgeCount);
  for (const name of EDGE_ATTRIBUTES) into[`edge.${name}`]!.set(edgeAttributes[name], e);
  let last = edgeCount - 1;
  for (let i = edgeCount - 1; i >= 0; i--) {
    into['source']![e + i] = v + source[i]!;
    into['target']![e + i] = v + target[i]!;
    if (target[i] !== target[last]) last = i;
    into['lastEdge']![e + i] = e + last;
  }
}

function fillNodes(into: Ints, template: EdgeTemplate, network: number, v: number, e: number): void {
  const { nodeCount, nodeAttributes, inDegrees } = template;
  into['nodeNetwork']!.fill(network, v, v + nodeCount);
  for (const name of NODE_ATTRIBUTES) into[`node.${name}`]!.set(nodeAttributes[name], v);
  let first = e;
  inDegrees.forEach((degree, i) => {
    // A node without edges has none to name; its maximum is masked.
    into['firstEdge']![v + i] = degree === 0 ? e : first;
    first += degree;
  });
}

/** All parameters in a row, in the architecture's order. */
function flatten(kind: string, { graph, parameters }: EdgeTemplate, weights: NdArrays): Float32Array {
  const specs = graph.architecture.parameters;
  const flat = new Float32Array(specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
  let at = 0;
  parameters.forEach((name, i) => {
    const { shape } = specs[i]!;
    const given = weights[name];
    if (given?.shape.join() !== shape.join()) {
      const got = given === undefined ? 'none' : `[${given.shape.join(', ')}]`;
      throw new MetanetError(kind, `pack: weights '${name}' must have shape [${shape.join(', ')}], got ${got}`);
    }
    flat.set(given.data, at);
    at += given.data.length;
  });
  return flat;
}

function fillValues(
  into: Float32Array,
  { rows, columns, slots }: Fill,
  flat: Float32Array,
  row: number,
  width: number,
): void {
  for (let i = 0; i < rows.length; i++) {
    into[(row + rows[i]!) * width + columns[i]!] = slots[i]! < 0 ? 1 : flat[slots[i]!]!;
  }
}
