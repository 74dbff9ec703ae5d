import { write as writeGexf } from 'graphology-gexf';

import type { EdgeAttributes, GraphologyGraph, NodeAttributes } from '../to-graphology.ts';
import { toGraphology } from '../to-graphology.ts';
import type { ParameterGraph } from '../parameter-graph.ts';
import { ParameterGraphError } from '../parameter-graph-error.ts';
import { toGraphml } from './graphml.ts';
import { writeAtomically } from './write-atomically.ts';

/** `gexf` for Gephi, `graphml` for NetworkX, igraph and yEd, `json` for graphology. */
export type GraphFormat = 'gexf' | 'graphml' | 'json';
export const graphFormats: readonly GraphFormat[] = ['gexf', 'graphml', 'json'];

/**
 * The text of a file with the graph, one edge for each parameter.
 *
 * @throws {ParameterGraphError} on an unknown format, or a graph that is too large for it
 */
export function formatGraph(graph: ParameterGraph, format: GraphFormat): string {
  const view = toGraphology(graph);
  switch (format) {
    case 'gexf':
      return gexf(view);
    case 'graphml':
      return toGraphml(view);
    case 'json':
      return `${JSON.stringify(view.export())}\n`;
    default:
      throw new ParameterGraphError(
        'formatGraph',
        `format must be one of ${graphFormats.join(', ')}, got '${String(format)}'`,
      );
  }
}

/**
 * Writes the graph to a file, whole or not at all.
 *
 * @throws {ParameterGraphError} when it is too large for the format, or the file can't be written
 */
export function writeGraph(graph: ParameterGraph, file: string, format: GraphFormat): void {
  writeAtomically('writeGraph', file, formatGraph(graph, format));
}

const gexf = (view: GraphologyGraph): string =>
  writeGexf<NodeAttributes, EdgeAttributes>(view, {
    formatNode: (_, { label, ...attributes }) => ({ label, attributes }),
    // `weight` is GEXF's own; a value of 0 or below is allowed in its schema, and readers that lay graphs out use it.
    formatEdge: (_, { value, ...attributes }) => ({ weight: value, attributes: { ...attributes, value } }),
  });
