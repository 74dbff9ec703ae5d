import type { ParameterGraph } from './parameter-graph.ts';

/** Edges sorted by one of their ends: those of node v are `edges[rows[v]]` … `edges[rows[v + 1] − 1]`. */
export interface Adjacency {
  /** `[V + 1]`. */
  readonly rows: Int32Array;
  /** `[E]`: indices of edges; those of one node in the graph's order. */
  readonly edges: Int32Array;
}

/**
 * Compressed sparse rows.
 *
 * @param by 'target' for the edges that lead to each node, as message passing needs them; 'source' for those that leave it
 */
export function adjacency(graph: ParameterGraph, by: 'source' | 'target' = 'target'): Adjacency {
  const ends = graph[by];
  const rows = new Int32Array(graph.nodeCount + 1);
  for (let e = 0; e < ends.length; e++) rows[ends[e]! + 1]!++;
  for (let v = 0; v < graph.nodeCount; v++) rows[v + 1]! += rows[v]!;
  const next = rows.slice(0, graph.nodeCount);
  const edges = new Int32Array(ends.length);
  for (let e = 0; e < ends.length; e++) edges[next[ends[e]!]!++] = e;
  return { rows, edges };
}
