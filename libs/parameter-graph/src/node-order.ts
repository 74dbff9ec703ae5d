import type { Space } from '@weightspace/architecture';

import type { GroupElement } from '@weightspace/symmetry';

import { Labels } from './network.ts';

import { nodeCoordinates } from './parameter-graph.ts';
import type { ParameterGraph } from './parameter-graph.ts';

/**
 * What a symmetry does to the nodes: the graph of `act(network, g, params)` is that of `params` with its nodes relabelled.
 *
 * @returns `[V]`: the node of the old graph that each node of the new graph is
 */
export function nodeOrder({ network, groups, nodeCount }: ParameterGraph, g: GroupElement): Int32Array {
  const labels = new Labels(network);
  const order = new Int32Array(nodeCount);
  for (const { start, size, factors } of groups) {
    const spaces = factors.map((name) => labels.space(name));
    const sizes = spaces.map((space) => space.size);
    for (let node = 0; node < size; node++) {
      const at = nodeCoordinates(sizes, node);
      const old = spaces.map((space) => movedFrom(labels, space, spaces, at, g));
      order[start + node] = start + old.reduce((sum, coordinate, i) => sum * sizes[i]! + coordinate, 0);
    }
  }
  return order;
}

/** Which neuron of its old instance a neuron was. */
function movedFrom(
  labels: Labels,
  space: Space,
  spaces: readonly Space[],
  at: readonly number[],
  g: GroupElement,
): number {
  const own = at[spaces.indexOf(space)]!;
  const permutation = g[space.name]?.permutation;
  if (permutation === undefined) return own;
  const instance = labels.ancestors(space).reduce((sum, one) => sum * one.size + at[spaces.indexOf(one)]!, 0);
  return permutation[instance * space.size + own]!;
}
