/** @file The graph as arrays: what everything else is a view of. */
import type { ActivationSpec } from '@weightspace/architecture';

import type { GraphNetwork } from './network.ts';

/**
 * What a node stands for. `input`, `neuron` and `output` are neurons or channels; `token` and `position` index a table
 * (embedding, positions); `head` is a block of neurons that stay together; the others are where the edges of parameters
 * with one axis come from.
 */
export type NodeKind =
  | 'input'
  | 'neuron'
  | 'output'
  | 'token'
  | 'position'
  | 'head'
  | 'bias'
  | 'scale'
  | 'shift'
  | 'mean'
  | 'variance'
  | 'constant';

/**
 * What an edge stands for. Parameters: `weight` … `statistic`. Connections of value 1 that are no parameters: `residual`
 * (a sum), `identity` (a value that is read elsewhere too, or another operation on neurons), `within` (a head to its
 * neurons), `part` (a neuron to the pairs that it is in), `order` (neurons that must have one order), `tied`
 * (from where a shared parameter's edges lie to where it is used again).
 */
export type EdgeKind =
  | 'weight'
  | 'bias'
  | 'scale'
  | 'shift'
  | 'mean'
  | 'variance'
  | 'embedding'
  | 'residual'
  | 'identity'
  | 'within'
  | 'part'
  | 'order'
  | 'tied';

/** Kinds of edges that hold no parameter. */
export const STRUCTURAL: ReadonlySet<EdgeKind> = new Set(['residual', 'identity', 'within', 'part', 'order', 'tied']);

/** A coordinate that tells parallel edges apart: a position in a kernel or image, a gate. */
export interface PlaceAxis {
  /** The fixed space that it indexes. */
  readonly space: string;
  /** 'kernel', 'position', 'gate', … */
  readonly kind: string;
  readonly size: number;
}

/** One parameter on the nodes of a group: node n has its value in column c at `featureStart + n · columns + c`. */
export interface NodeFeature {
  readonly parameter: string;
  readonly kind: EdgeKind;
  readonly places: readonly PlaceAxis[];
  /** Row-major index over `places`. */
  readonly place: number;
}

/** Consecutive nodes that are of one kind. */
export interface NodeGroup {
  readonly name: string;
  readonly kind: NodeKind;
  readonly start: number;
  readonly size: number;
  /** Column in the order of computation; 0 for inputs. */
  readonly depth: number;
  readonly layer: string | undefined;
  /** The spaces whose row-major product numbers its nodes; none where it is a single node. */
  readonly factors: readonly string[];
  /** Whether the order of its nodes is arbitrary. */
  readonly free: boolean;
  readonly activation: ActivationSpec;
  readonly features: readonly NodeFeature[];
  readonly featureStart: number;
}

/** Consecutive edges that are of one kind and lead from one group to another. */
export interface EdgeBlock {
  readonly name: string;
  readonly kind: EdgeKind;
  /** Undefined where the edges hold no parameter. */
  readonly parameter: string | undefined;
  readonly layer: string | undefined;
  /** Which part of the parameter along its two sides: fused queries, keys and values are segments 0, 1 and 2. */
  readonly segments: readonly number[];
  /** Indices of groups. */
  readonly source: number;
  readonly target: number;
  readonly start: number;
  readonly size: number;
  /** Values per edge: 1, or the number of places where a style keeps a whole kernel on one edge. */
  readonly width: number;
  readonly valueStart: number;
  readonly places: readonly PlaceAxis[];
}

/**
 * A network's parameters as a directed multigraph, input to output.
 *
 * Letters: V nodes, E edges, K values on edges (K = E unless a style keeps a kernel on one edge), M values on nodes.
 */
export interface ParameterGraph {
  readonly network: GraphNetwork;
  readonly style: string;
  readonly exact: boolean;
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly groups: readonly NodeGroup[];
  readonly blocks: readonly EdgeBlock[];
  /** `[E]`: nodes. */
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** `[K]`. */
  readonly values: Float32Array;
  /** `[K]`: where the value stands in the parameters, one after the other in the network's order; −1: no parameter. */
  readonly slots: Int32Array;
  /** `[K]`: row-major index over the block's places; 0 where it has none. */
  readonly places: Int32Array;
  /** `[M]`. */
  readonly nodeValues: Float32Array;
  readonly nodeSlots: Int32Array;
}

/** Coordinates of a place, one for each place axis. */
export function placeCoordinates(axes: readonly PlaceAxis[], place: number): number[] {
  const coordinates: number[] = [];
  let rest = place;
  for (let i = axes.length - 1; i >= 0; i--) {
    coordinates.unshift(rest % axes[i]!.size);
    rest = Math.floor(rest / axes[i]!.size);
  }
  return coordinates;
}

/** Factor coordinates of a node, given its number within its group. */
export function nodeCoordinates(sizes: readonly number[], index: number): number[] {
  return placeCoordinates(
    sizes.map((size) => ({ space: '', kind: '', size })),
    index,
  );
}
