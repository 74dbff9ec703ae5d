/** @file What a published kind of graph decides, and the registry of them. */
import type { EdgeKind } from '../parameter-graph.ts';
import { ParameterGraphError } from '../parameter-graph-error.ts';

/**
 * Where a parameter goes that has one axis of neurons: into the nodes' own features, onto edges from a node of its own,
 * or onto edges from the neurons that are read to those that are written.
 */
export type Placement = 'node-feature' | 'source-node' | 'diagonal';

export interface GraphStyle {
  readonly name: string;
  readonly source: string;
  readonly departs: string;
  /** Whether all places (of a kernel, of gates) between two neurons lie on one edge, instead of on parallel ones. */
  readonly foldsPlaces: boolean;
  readonly placement: (kind: EdgeKind) => Placement;
}

const styles = new Map<string, GraphStyle>();

/** @throws {ParameterGraphError} when the name is taken */
export function registerGraphStyle(style: GraphStyle): void {
  if (styles.has(style.name)) {
    throw new ParameterGraphError('registerGraphStyle', `style '${style.name}' must not be registered yet; rename it`);
  }
  styles.set(style.name, style);
}

export const graphStyles = (): string[] => [...styles.keys()];

/** @throws {ParameterGraphError} when there is no such style */
export function graphStyle(name: string): GraphStyle {
  const style = styles.get(name);
  if (style) return style;
  throw new ParameterGraphError('graphStyle', `style must be one of ${graphStyles().join(', ')}, got '${name}'`);
}
