/** @file A graph before its arrays are filled. */
import type { ActivationSpec, Space } from '@weightspace/architecture';

import type { EdgeKind, NodeKind } from '../parameter-graph.ts';
import type { Factor, ParameterBlock } from './parameter-blocks.ts';

export interface GroupDraft {
  name: string;
  kind: NodeKind;
  readonly size: number;
  depth: number;
  readonly layer: string | undefined;
  readonly factors: readonly Space[];
  activation: ActivationSpec;
  /** Parameters on its nodes. */
  readonly features: { readonly block: ParameterBlock; readonly kind: EdgeKind }[];
}

/** Edges of value 1: one from each `sources[i]` to `targets[i]`, numbered within their groups. */
export interface Connections {
  readonly sources: Int32Array;
  readonly targets: Int32Array;
  /** Factors of the target, by position, that number the source; absent where all nodes lead to their counterparts. */
  readonly shared?: readonly number[];
}

export interface BlockDraft {
  readonly name: string;
  readonly kind: EdgeKind;
  readonly layer: string | undefined;
  readonly source: number;
  readonly target: number;
  readonly content: ParameterBlock | Connections;
  /**
   * Where a parameter has neurons on one axis only and reads them too: the factors of that axis that number what it reads,
   * all of them where each neuron leads to its counterpart.
   */
  readonly read: readonly Factor[] | undefined;
}

export interface GraphPlan {
  readonly groups: readonly GroupDraft[];
  readonly blocks: readonly BlockDraft[];
}

const IDENTITY: ActivationSpec = { kind: 'identity' };
export const noActivation = (): ActivationSpec => IDENTITY;

export const oneToOne = (size: number): Connections => {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  return { sources: order, targets: order };
};
