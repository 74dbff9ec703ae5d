/**
 * @file Connections that keep the graph's automorphisms from being more than the network's symmetries: a head's queries
 * and values move together, and a space that several values have has one order in all of them.
 */
import type { Space } from '@weightspace/architecture';

import { productKey } from '../network.ts';
import type { Labels } from '../network.ts';
import type { EdgeKind } from '../parameter-graph.ts';
import { noActivation, oneToOne } from './drafts.ts';
import type { BlockDraft, Connections, GroupDraft } from './drafts.ts';
import { addGroup } from './place-parameter.ts';

interface Plan {
  readonly groups: readonly GroupDraft[];
  readonly blocks: readonly BlockDraft[];
}

/** Adds heads, parts of pairs, and what ties the orders of equal spaces; the plan is changed. */
export function connectSpaces(labels: Labels, plan: Plan): void {
  const drafts = { groups: plan.groups as GroupDraft[], blocks: plan.blocks as BlockDraft[] };
  const units = new Units(labels, drafts.groups, drafts.blocks);
  for (let i = 0; i < drafts.groups.length; i++) units.connect(i);
  connectOrders(drafts.groups, drafts.blocks);
}

/** The nodes of spaces as such: one for each member of a space and of what it lies within. */
class Units {
  readonly #labels: Labels;
  readonly #groups: GroupDraft[];
  readonly #blocks: BlockDraft[];

  constructor(labels: Labels, groups: GroupDraft[], blocks: BlockDraft[]) {
    this.#labels = labels;
    this.#groups = groups;
    this.#blocks = blocks;
  }

  /** Ties a group whose nodes are numbered by several spaces to the nodes of those spaces. */
  connect(group: number): void {
    const { factors } = this.#groups[group]!;
    const last = factors.at(-1);
    if (last === undefined || (factors.length === 1 && last.within === undefined)) return;
    const chain = this.#labels.ancestors(last);
    const own = chain.length === factors.length - 1 && chain.every((space) => factors.includes(space));
    if (own) {
      const parent = chain.at(-1)!;
      if (parent.kind !== 'group') this.#add('within', parent, group, 0);
      return;
    }
    const outer = new Set(factors.flatMap((space) => this.#labels.ancestors(space)));
    const inner = factors.filter((space) => !outer.has(space));
    inner.forEach((space, i) => {
      if (space.free || this.#labels.ancestors(space).some(({ free }) => free)) this.#add('part', space, group, i);
    });
  }

  #add(kind: EdgeKind, space: Space, target: number, index: number): void {
    const { factors, size, layer, depth } = this.#groups[target]!;
    const source = this.#unit(space, layer, depth);
    if (source === target) return;
    const sources = new Int32Array(size);
    const own = [...this.#labels.ancestors(space), space];
    for (let i = 0; i < size; i++) {
      const at = coordinates(factors, i);
      sources[i] = own.reduce((sum, one) => sum * one.size + at[factors.indexOf(one)]!, 0);
    }
    const shared = own.map((one) => factors.indexOf(one));
    const content: Connections = { sources, targets: oneToOne(size).targets, shared };
    const name = index === 0 ? space.name : `${space.name}.${index}`;
    this.#blocks.push({ name, kind, layer, source, target, content, read: undefined });
  }

  #unit(space: Space, layer: string | undefined, depth: number): number {
    const factors = [...this.#labels.ancestors(space), space];
    const key = productKey(factors);
    const known = this.#groups.findIndex((group) => productKey(group.factors) === key);
    if (known >= 0) return known;
    const kind = space.kind === 'head' || space.kind === 'group' ? 'head' : 'neuron';
    return addGroup(this.#groups, { name: space.name, kind, depth, layer, factors, activation: noActivation() });
  }
}

function coordinates(factors: readonly Space[], index: number): number[] {
  let rest = index;
  return factors
    .toReversed()
    .map(({ size }) => {
      const at = rest % size;
      rest = (rest - at) / size;
      return at;
    })
    .toReversed();
}

/** Groups of one free product that no one-to-one edges tie together get such edges. */
function connectOrders(groups: readonly GroupDraft[], blocks: BlockDraft[]): void {
  const parent = groups.map((_, i) => i);
  const find = (i: number): number => (parent[i] === i ? i : find(parent[i]!));
  for (const { source, target, read, kind } of blocks) {
    const counterparts = read !== undefined && groups[source]!.size === groups[target]!.size;
    if (counterparts || kind === 'residual' || kind === 'identity') parent[find(target)] = find(source);
  }
  const first = new Map<string, number>();
  groups.forEach(({ factors, size, layer }, group) => {
    if (!factors.some(({ free }) => free)) return;
    const key = productKey(factors);
    const source = first.get(key);
    if (source === undefined) {
      first.set(key, group);
      return;
    }
    if (find(source) === find(group)) return;
    parent[find(group)] = find(source);
    blocks.push({ name: key, kind: 'order', layer, source, target: group, content: oneToOne(size), read: undefined });
  });
}
