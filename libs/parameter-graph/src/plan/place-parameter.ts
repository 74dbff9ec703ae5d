import type { EdgeKind, NodeKind } from '../parameter-graph.ts';
import type { GraphStyle } from '../styles/style.ts';
import { noActivation } from './drafts.ts';
import type { BlockDraft, GroupDraft } from './drafts.ts';
import { SOURCE_KINDS } from './kinds.ts';
import type { Factor, ParameterBlock } from './parameter-blocks.ts';

/** Groups and blocks that are being planned. */
export interface Drafts {
  readonly style: GraphStyle;
  readonly groups: GroupDraft[];
  readonly blocks: BlockDraft[];
}

export interface Ends {
  readonly target: number;
  /** Where the edges of a parameter come from that has neurons on one axis only, if it reads them at all. */
  readonly counterpart: { readonly group: number; readonly factors: readonly Factor[] } | undefined;
  /** Where the parameter has neurons on two axes. */
  readonly source: () => number;
}

export function addGroup(groups: GroupDraft[], draft: Omit<GroupDraft, 'features' | 'size'>): number {
  const size = draft.factors.reduce((product, factor) => product * factor.size, 1);
  return groups.push({ ...draft, size, features: [] }) - 1;
}

/** Puts one block of a parameter where the style wants it. */
export function placeParameter(
  { style, groups, blocks }: Drafts,
  block: ParameterBlock,
  kind: EdgeKind,
  ends: Ends,
): void {
  const { name: parameter, layer } = block.parameter;
  const name = block.segments.length > 0 ? `${parameter}[${block.segments.join(',')}]` : parameter;
  const { target, counterpart } = ends;
  const add = (source: number, read?: readonly Factor[]) =>
    blocks.push({ name, kind, layer, source, target, content: block, read });
  if (block.source.factors.length > 0) {
    add(ends.source());
    return;
  }
  const placement = kind === 'weight' ? 'diagonal' : style.placement(kind);
  if (placement === 'node-feature') groups[target]!.features.push({ block, kind });
  else if (placement === 'diagonal' && counterpart !== undefined) add(counterpart.group, counterpart.factors);
  else {
    const sourceKind: NodeKind = SOURCE_KINDS[kind];
    const { depth } = groups[target]!;
    add(addGroup(groups, { name, kind: sourceKind, depth, layer, factors: [], activation: noActivation() }));
  }
}
