/** @file Writes labels out as segments of products of plain leaves. */
import type { Label, LeafId, Product } from './label.ts';
import type { Leaf, LeafTable } from './leaf-table.ts';
import { mergeCopies } from './unify.ts';

/** More segments than this, and a product over a concatenation is frozen in place of written out. */
const MOST_SEGMENTS = 1024;

/** Which segment of a concatenation one stands in. */
type Context = ReadonlyMap<LeafId, number>;

/**
 * Labels of the axes of several tensors as plain leaves.
 *
 * What can't be written out is frozen. That may change other labels, so it goes on until nothing changes.
 */
export function flattenAll(table: LeafTable, tensors: readonly (readonly Label[])[]): readonly (readonly Label[])[] {
  const flattener = new Flattener(table);
  for (;;) {
    const before = table.changes;
    const flat = tensors.map((labels) => labels.map((label) => flattener.flatten(label)));
    flat.forEach((labels) => uniformizeOrphans(table, labels));
    if (table.changes === before) return flat;
  }
}

/**
 * What is within a space whose member can't be told from the tensor's axes has one order for all of its members.
 *
 * The member is that of the nearest factor to the left, else that of an axis of which every segment has the space.
 */
function uniformizeOrphans(table: LeafTable, labels: readonly Label[]): void {
  labels.forEach((label, axis) => {
    for (const [product, at] of label.flatMap((p) => p.map((_, i) => [p, i] as const))) {
      const leaf = table.get(product[at]!);
      const parent = table.parentOf(leaf)?.id;
      if (parent === undefined || product.slice(0, at).includes(parent)) continue;
      const elsewhere = labels.some((other, i) => i !== axis && other.every((p) => p.includes(parent)));
      if (!elsewhere) table.setWithin(leaf, undefined);
    }
  });
}

class Flattener {
  readonly #table: LeafTable;
  /** Fixed leaves that stand for what couldn't be written out. */
  readonly #fixed = new Map<string, LeafId>();

  constructor(table: LeafTable) {
    this.#table = table;
  }

  flatten(label: Label): Label {
    return label.flatMap((product) => this.#product(product, new Map()));
  }

  #product(product: Product, context: Context): Label {
    const atoms = this.#atoms(product, context);
    const at = atoms.findIndex((leaf) => leaf.to !== undefined);
    if (at < 0) return [idsOf(atoms)];
    const concat = atoms[at]!;
    if (at === 0) {
      return concat.to!.flatMap((segment, i) =>
        this.#product([...segment, ...idsOf(atoms.slice(1))], new Map(context).set(concat.id, i)),
      );
    }
    const simple = this.#asProduct(concat);
    if (simple) {
      return this.#product([...idsOf(atoms.slice(0, at)), ...simple, ...idsOf(atoms.slice(at + 1))], context);
    }
    return this.#behind(atoms, at, context);
  }

  /** With unions, products and the copies of this context put in; what a concatenation further left will tell apart waits. */
  #atoms(product: Product, context: Context): Leaf[] {
    const atoms: Leaf[] = [];
    for (const leaf of this.#table.atoms(product)) atoms.push(...this.#copies(leaf, atoms, context));
    const larger = atoms.filter(({ size }) => size > 1);
    return larger.length > 0 ? larger : atoms.slice(0, 1);
  }

  #copies(leaf: Leaf, left: readonly Leaf[], context: Context): Leaf[] {
    if (!leaf.split) return [leaf];
    const of = this.#table.root(leaf.split.of);
    const index = context.get(of.id);
    if (index === undefined && left.includes(of)) return [leaf];
    const copy = index === undefined ? leaf.id : leaf.split.copies[index]!;
    if (index === undefined) mergeCopies(this.#table, leaf);
    return this.#table.atoms([copy]).flatMap((factor) => this.#copies(factor, left, context));
  }

  /** A concatenation of equal segments is a product with their number; one of fixed leaves is a fixed leaf. */
  #asProduct(concat: Leaf): Product | undefined {
    const segments = this.flatten(concat.to!);
    const [first] = segments;
    if (segments.every((segment) => segment.join() === first!.join())) {
      return [this.#stand(`${concat.id}×`, segments.length, concat.name && `${concat.name}.copy`), ...first!];
    }
    const free = segments.flat().some((id) => this.#table.get(id).free);
    return free ? undefined : [this.#stand(`${concat.id}`, concat.size, concat.name)];
  }

  /** A concatenation behind slower factors: these are written out one by one if they are fixed, else all is frozen. */
  #behind(atoms: readonly Leaf[], at: number, context: Context): Label {
    const slower = atoms.slice(0, at);
    const count = slower.reduce((n, leaf) => n * leaf.size, 1);
    const rest = idsOf(atoms.slice(at));
    if (slower.every((leaf) => !leaf.free) && count * atoms[at]!.to!.length <= MOST_SEGMENTS) {
      for (const leaf of atoms.slice(at)) {
        if (slower.includes(this.#table.parentOf(leaf)!)) this.#table.setWithin(leaf, undefined);
      }
      const once = this.#product(rest, context);
      return Array.from({ length: count }, () => once).flat();
    }
    this.#table.freeze([idsOf(atoms)]);
    return [[this.#stand(idsOf(atoms).join('·'), count * this.#table.sizeOf([rest]))]];
  }

  #stand(key: string, size: number, name?: string): LeafId {
    const known = this.#fixed.get(key);
    if (known !== undefined) return known;
    const id = this.#table.add({ name, size, kind: 'index', free: false });
    this.#fixed.set(key, id);
    return id;
  }
}

const idsOf = (atoms: readonly Leaf[]): LeafId[] => atoms.map(({ id }) => id);
