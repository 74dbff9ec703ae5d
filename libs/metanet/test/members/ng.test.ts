import type { Architecture } from '@weightspace/architecture';
import { mapValues, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { metaGraph } from '@weightspace/metanet';
import { nodeOrder } from '@weightspace/parameter-graph';
import type { ParameterGraph } from '@weightspace/parameter-graph';
import type { GroupElement } from '@weightspace/symmetry';

import { describeMember } from '../support/member.ts';

const structureOf = (architecture: Architecture) =>
  metaGraph(architecture, { style: 'neural-graph', exact: true, reversed: false });
const orderOf = (architecture: Architecture, g: GroupElement): Int32Array =>
  nodeOrder(structureOf(architecture).structure as unknown as ParameterGraph, g);

/** Rows of the second axis in another order. */
function reordered({ data, shape }: NdArray, order: ArrayLike<number>): NdArray<'float32'> {
  const [B, N] = shape as [number, number];
  const moved = Float32Array.from(data, (_, i) => data[Math.floor(i / N) * N + order[i % N]!]!);
  if (moved.length !== B * N) throw new RangeError('masks of nodes must have one number for each');
  return ndarray(moved, shape);
}

/** Masks of NG-T have an axis of all nodes. */
const movePairs = (architecture: Architecture, g: GroupElement, noise: NdArrays): NdArrays =>
  mapValues(noise, (mask, name) => (name.endsWith('.channel') ? mask : reordered(mask, orderOf(architecture, g))));

/** Masks of NG-GNN have an axis of the nodes of a group. */
const moveGroups = (architecture: Architecture, g: GroupElement, noise: NdArrays): NdArrays => {
  const { groups } = structureOf(architecture);
  const order = orderOf(architecture, g);
  return mapValues(noise, (mask, name) => {
    const own = groups.find(({ key }) => name.endsWith(`.${key}`));
    if (!own) return mask;
    const { start, size } = own.group;
    return reordered(
      mask,
      order.subarray(start, start + size).map((node) => node - start),
    );
  });
};

const encoder = { frequencies: 8, frequencyScale: 0.3, head: [19] };
describeMember('ng-t', {
  settings: {
    ...encoder,
    depth: 2,
    nodes: 10,
    edges: 9,
    attention: 14,
    heads: 2,
    nodesHidden: 11,
    edgesHidden: 13,
    dropout: 0,
  },
  variants: [{ dropout: 0.3, pairs: 'edges', pool: 'mean', reversed: true }, { pairs: 'edges' }],
  wide: { nodes: 16, edges: 3, attention: 4, edgesHidden: 6, head: [40] },
  actOnNoise: movePairs,
});
// With fewer layers than the networks have, what is far from the outputs can only be seen by a mean over all neurons.
describeMember('ng-gnn', {
  settings: { ...encoder, depth: 2, channels: 9, dropout: 0 },
  variants: [{ dropout: 0.3, pool: 'max', residual: true }],
  wide: { channels: 16, head: [40], pool: 'mean' },
  actOnNoise: moveGroups,
});
