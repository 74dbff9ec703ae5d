/** @file The leaves of a label solver and what has become of them: united, a product, or a concatenation. */
import { LabelError } from './label.ts';
import type { Label, LeafId, LeafOptions, Product, SpaceKind } from './label.ts';

export interface Leaf {
  readonly id: LeafId;
  name: string | undefined;
  readonly size: number;
  kind: SpaceKind;
  free: boolean;
  within: LeafId | undefined;
  /** Whether it takes what it is within from the leaf that it is united with. */
  open: boolean;
  /** What it turned out to be: `[[other]]`, a product `[[a, b]]`, or a concatenation `[[a], [b]]`. */
  to: Label | undefined;
  /** Where the space that it is within was cut into segments: one leaf for each of them. */
  split: { readonly of: LeafId; readonly copies: readonly LeafId[] } | undefined;
}

/** Leaves by number, in the order in which they were added. */
export class LeafTable {
  readonly #leaves: Leaf[] = [];
  /** Goes up with every change; equal values mean that nothing happened in between. */
  changes = 0;

  /** @throws {LabelError} unless the size is a whole number ≥ 1 */
  add({ name, size, kind = 'neuron', free = true, within, open = false }: LeafOptions): LeafId {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new LabelError('leaf', `size must be a whole number ≥ 1, got ${size}${name ? ` for '${name}'` : ''}`);
    }
    const id = this.#leaves.length;
    this.#leaves.push({ id, name, size, kind, free, within, open, to: undefined, split: undefined });
    return id;
  }

  get all(): readonly Leaf[] {
    return this.#leaves;
  }

  get(id: LeafId): Leaf {
    const leaf = this.#leaves[id];
    if (!leaf) throw new LabelError('label', `leaf ${id} must be one of this solver's ${this.#leaves.length}`);
    return leaf;
  }

  /** The leaf that it was united with; itself if none. */
  root(id: LeafId): Leaf {
    let leaf = this.get(id);
    while (leaf.to?.length === 1 && leaf.to[0]!.length === 1) leaf = this.get(leaf.to[0]![0]!);
    return leaf;
  }

  /** Factors with unions and products put in; a concatenation stays one factor. Factors of size 1 go away. */
  atoms(product: Product): Leaf[] {
    const all = product.flatMap((id): Leaf[] => {
      const leaf = this.root(id);
      return leaf.to?.length === 1 ? this.atoms(leaf.to[0]!) : [leaf];
    });
    const larger = all.filter(({ size }) => size > 1);
    return larger.length > 0 ? larger : all.slice(0, 1);
  }

  /** Segments with everything put in, but concatenations inside of products. */
  segments(label: Label): Leaf[][] {
    return label.flatMap((product) => {
      const atoms = this.atoms(product);
      const [only] = atoms;
      return atoms.length === 1 && only!.to ? this.segments(only!.to) : [atoms];
    });
  }

  resolve(label: Label): Label {
    return this.segments(label).map((atoms) => atoms.map(({ id }) => id));
  }

  sizeOf(label: Label): number {
    return label.reduce((sum, product) => sum + product.reduce((n, id) => n * this.get(id).size, 1), 0);
  }

  /** The space that it has one order for each member of; undefined where there is one order. */
  parentOf(leaf: Leaf): Leaf | undefined {
    if (leaf.within === undefined) return undefined;
    const parent = this.atoms([leaf.within]).at(-1)!;
    return parent.size === 1 || parent.to !== undefined ? undefined : parent;
  }

  /** The innermost space that both are within, directly or further out. */
  commonParent(a: Leaf, b: Leaf): Leaf | undefined {
    const ancestors = new Set<Leaf>();
    for (let up = this.parentOf(a); up !== undefined; up = this.parentOf(up)) ancestors.add(up);
    let up = this.parentOf(b);
    while (up !== undefined && !ancestors.has(up)) up = this.parentOf(up);
    return up;
  }

  /** Leaves that are themselves, and of which there is one order for each member of `parent`. */
  childrenOf(parent: Leaf): Leaf[] {
    return this.#leaves.filter((leaf) => leaf.to === undefined && !leaf.split && this.parentOf(leaf) === parent);
  }

  setWithin(leaf: Leaf, within: LeafId | undefined): void {
    if (leaf.within === within) return;
    leaf.within = within;
    this.changes++;
  }

  /** Nothing in the label may change its order. */
  freeze(label: Label): void {
    for (const id of label.flat()) {
      const leaf = this.root(id);
      if (leaf.free) {
        leaf.free = false;
        this.changes++;
      }
      if (leaf.to) this.freeze(leaf.to);
      if (leaf.split) this.freeze([leaf.split.copies]);
    }
  }

  /** Says what a leaf is; a fixed one fixes what it is. */
  substitute(leaf: Leaf, to: Label): void {
    leaf.to = to;
    this.changes++;
    if (!leaf.free) this.freeze(to);
  }
}
