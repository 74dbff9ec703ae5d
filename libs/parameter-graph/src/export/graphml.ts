/** @file GraphML: graphology's package reads it and doesn't write it. */
import type { MultiDirectedGraph } from 'graphology';

import { escapeXml } from '../draw/svg.ts';

type Scalar = string | number | boolean;
type Type = 'string' | 'double' | 'int' | 'boolean';

interface Key {
  readonly id: string;
  readonly scope: 'graph' | 'node' | 'edge';
  readonly name: string;
  readonly type: Type;
}

/**
 * A graph as GraphML; attributes are declared with their types, and numbers written so that they come back the same.
 *
 * Source: Brandes et al. 2002, "GraphML Progress Report", and http://graphml.graphdrawing.org/xmlns/1.1/graphml.xsd.
 * Departs: nothing; attributes that are absent on a node or edge are left out.
 */
export function toGraphml(graph: MultiDirectedGraph): string {
  const nodes: [string, Record<string, unknown>][] = graph.mapNodes((key, attributes) => [key, attributes]);
  const edges: [string, Record<string, unknown>][] = graph.mapEdges((key, attributes) => [key, attributes]);
  const keys = [
    ...keysOf('graph', [graph.getAttributes()]),
    ...keysOf(
      'node',
      nodes.map(([, attributes]) => attributes),
    ),
    ...keysOf(
      'edge',
      edges.map(([, attributes]) => attributes),
    ),
  ];
  const byName = (scope: Key['scope']) =>
    new Map(keys.filter((key) => key.scope === scope).map((key) => [key.name, key]));
  const [forGraph, forNodes, forEdges] = [byName('graph'), byName('node'), byName('edge')];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.1/graphml.xsd">',
    ...keys.map(
      ({ id, scope, name, type }) =>
        `  <key id="${id}" for="${scope}" attr.name="${escapeXml(name)}" attr.type="${type}"/>`,
    ),
    '  <graph edgedefault="directed">',
    data(graph.getAttributes(), forGraph, '    '),
    ...nodes.map(([key, attributes]) => `    <node id="${escapeXml(key)}">${data(attributes, forNodes, '')}</node>`),
    ...edges.map(([key, attributes]) => {
      const ends = `source="${escapeXml(graph.source(key))}" target="${escapeXml(graph.target(key))}"`;
      return `    <edge id="${escapeXml(key)}" ${ends}>${data(attributes, forEdges, '')}</edge>`;
    }),
    '  </graph>',
    '</graphml>',
    '',
  ].join('\n');
}

function keysOf(scope: Key['scope'], all: readonly Record<string, unknown>[]): Key[] {
  const types = new Map<string, Type>();
  for (const attributes of all) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined) continue;
      const type = typeOf(value as Scalar);
      const known = types.get(name);
      if (known === undefined) types.set(name, type);
      else if (known !== type) types.set(name, isNumber(known) && isNumber(type) ? 'double' : 'string');
    }
  }
  return [...types].map(([name, type], i) => ({ id: `${scope[0]}${i}`, scope, name, type }));
}

const isNumber = (type: Type): boolean => type === 'double' || type === 'int';

function typeOf(value: Scalar): Type {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value !== 'number') return 'string';
  return Number.isInteger(value) && !Object.is(value, -0) && Math.abs(value) < 2 ** 31 ? 'int' : 'double';
}

const data = (attributes: Record<string, unknown>, keys: ReadonlyMap<string, Key>, indent: string): string =>
  Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) => `${indent}<data key="${keys.get(name)!.id}">${escapeXml(scalarText(value as Scalar))}</data>`,
    )
    .join('');

/** XML Schema's names for what isn't finite. */
function scalarText(value: Scalar): string {
  if (value === Infinity) return 'INF';
  if (value === -Infinity) return '-INF';
  return Object.is(value, -0) ? '-0' : String(value);
}
