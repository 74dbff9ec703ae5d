/** @file From solved labels to named spaces and composites. */
import { flattenAll } from './flatten.ts';
import type { Label, SpaceKind } from './label.ts';
import type { Leaf, LeafTable } from './leaf-table.ts';

/** A leaf space, named. */
export interface FinishedLeaf {
  readonly name: string;
  readonly size: number;
  readonly kind: SpaceKind;
  readonly free: boolean;
  /** Name of the space that it has one order for each member of. */
  readonly within?: string;
}

/** A label that is more than one leaf: segments end to end, each a product of leaves, slowest first. */
export interface Composite {
  readonly name: string;
  readonly size: number;
  readonly segments: readonly (readonly string[])[];
}

export interface Finished {
  /** Those that a registered label uses, in the order in which they were added. */
  readonly leaves: readonly FinishedLeaf[];
  readonly composites: readonly Composite[];
  /** Names of the registered labels, each a leaf's or a composite's, by key. */
  readonly axes: ReadonlyMap<string, readonly string[]>;
}

export type Registration = readonly [key: string, labels: readonly Label[], names: readonly string[]];

export function finish(table: LeafTable, registered: readonly Registration[]): Finished {
  const flat = flattenAll(
    table,
    registered.map(([, labels]) => labels),
  );
  const names = new Names();
  const used = usedLeaves(table, flat.flat(2).flat());
  const nameOf = new Map(used.map((leaf) => [leaf.id, names.take(leaf.name ?? `space${leaf.id}`)]));
  const composites = new Map<string, Composite>();
  const axes = new Map<string, readonly string[]>();
  registered.forEach(([key, labels, suggested], i) => {
    const own = labels.map((_, axis) => {
      const label = flat[i]![axis]!;
      if (label.length === 1 && label[0]!.length === 1) return nameOf.get(label[0]![0]!)!;
      const id = label.map((product) => product.join('.')).join();
      const known = composites.get(id);
      if (known) return known.name;
      const segments = label.map((product) => product.map((leaf) => nameOf.get(leaf)!));
      const composite = { name: names.take(suggested[axis]!), size: table.sizeOf(label), segments };
      composites.set(id, composite);
      return composite.name;
    });
    axes.set(key, own);
  });
  return { leaves: used.map((leaf) => finished(table, leaf, nameOf)), composites: [...composites.values()], axes };
}

function usedLeaves(table: LeafTable, ids: readonly number[]): Leaf[] {
  const used = new Set<Leaf>();
  const use = (leaf: Leaf): void => {
    if (used.has(leaf)) return;
    used.add(leaf);
    const parent = leaf.free ? table.parentOf(leaf) : undefined;
    if (parent) use(parent);
  };
  ids.forEach((id) => use(table.get(id)));
  return [...used].sort((a, b) => a.id - b.id);
}

/** What is fixed is the identity for every member of what it is within, so that needn't be said. */
function finished(table: LeafTable, leaf: Leaf, nameOf: ReadonlyMap<number, string>): FinishedLeaf {
  const { id, size, kind, free } = leaf;
  const parent = free ? table.parentOf(leaf) : undefined;
  return { name: nameOf.get(id)!, size, kind, free, ...(parent && { within: nameOf.get(parent.id)! }) };
}

/** Each name once; one that is taken gets a number. */
class Names {
  readonly #taken = new Set<string>();

  take(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.#taken.has(name); i++) name = `${wanted}~${i}`;
    this.#taken.add(name);
    return name;
  }
}
