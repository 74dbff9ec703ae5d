/** @file Makes two labels one: the common refinement of their segments and factors. */
import type { Label, LeafId, Product } from './label.ts';
import type { Leaf, LeafTable } from './leaf-table.ts';

/** Both label the same axis and have one size. What has no common refinement is frozen. */
export function unifyLabels(table: LeafTable, a: Label, b: Label): void {
  const pairs = align(table, a, b);
  if (!pairs) return freezeAll(table, a, b);
  for (const [p, q] of pairs) unifyProducts(table, p, q);
}

function freezeAll(table: LeafTable, ...labels: readonly Label[]): void {
  labels.forEach((label) => table.freeze(label));
}

/** Cuts each at the other's boundaries; undefined where that can't be. */
function align(table: LeafTable, a: Label, b: Label): (readonly [Product, Product])[] | undefined {
  const pairs: (readonly [Product, Product])[] = [];
  let [left, right] = [a, b];
  while (left.length > 0 && right.length > 0) {
    // Again each time: what was cut on one side may stand on the other, too.
    [left, right] = [table.resolve(left), table.resolve(right)];
    const [p, q] = [table.sizeOf([left[0]!]), table.sizeOf([right[0]!])];
    if (p === q) {
      pairs.push([left[0]!, right[0]!]);
      [left, right] = [left.slice(1), right.slice(1)];
      continue;
    }
    const parts = cutLabel(table, p > q ? left : right, Math.min(p, q));
    if (!parts) return undefined;
    if (p > q) left = [...parts[0], ...parts[1]];
    else right = [...parts[0], ...parts[1]];
  }
  return pairs;
}

/** Factor by factor, slowest first; a larger factor is split. */
function unifyProducts(table: LeafTable, p: Product, q: Product): void {
  let [a, b] = [p, q];
  while (a.length > 0 && b.length > 0) {
    if (table.segments([a]).length > 1 || table.segments([b]).length > 1) return unifyLabels(table, [a], [b]);
    const [left, right] = [table.atoms(a), table.atoms(b)];
    const [x, y] = [left[0]!, right[0]!];
    [a, b] = [idsOf(left), idsOf(right)];
    if (x.size === y.size) {
      link(table, x, y);
      [a, b] = [a.slice(1), b.slice(1)];
    } else if (!splitFactor(table, x.size > y.size ? x : y, Math.min(x.size, y.size))) {
      return freezeAll(table, [a], [b]);
    }
  }
}

const idsOf = (atoms: readonly Leaf[]): LeafId[] => atoms.map(({ id }) => id);

/** Makes a leaf a product whose slower factor has this size; false where that can't be. */
function splitFactor(table: LeafTable, leaf: Leaf, slower: number): boolean {
  if (leaf.to || leaf.size % slower !== 0) return false;
  if (leaf.split) {
    mergeCopies(table, leaf);
    return true;
  }
  const { kind, free, within, open, name } = leaf;
  const outer = table.add({
    name: name && `${name}.0`,
    size: slower,
    kind: kind === 'neuron' ? 'group' : kind,
    free,
    within,
    open,
  });
  const inner = table.add({ name: name && `${name}.1`, size: leaf.size / slower, kind, free, within: outer, open });
  table.substitute(leaf, [[outer, inner]]);
  return true;
}

/** Two leaves of one size are one. */
function link(table: LeafTable, x: Leaf, y: Leaf): void {
  if (x === y) return;
  const [older, newer] = x.id < y.id ? [x, y] : [y, x];
  if (older.split || newer.split) return linkSplit(table, older, newer);
  if (older.to && newer.to) return linkConcats(table, older, newer);
  if (older.to) return linkToConcat(table, newer, older);
  if (newer.to) return linkToConcat(table, older, newer);
  if (table.parentOf(older) !== table.parentOf(newer)) table.setWithin(older, withinOf(table, older, newer)?.id);
  older.open &&= newer.open;
  older.name ??= newer.name;
  if (older.kind === 'neuron') older.kind = newer.kind;
  if (!newer.free) table.freeze([[older.id]]);
  table.substitute(newer, [[older.id]]);
}

/** What two leaves that are one are within: what both are, or what the other says of one that is open. */
function withinOf(table: LeafTable, a: Leaf, b: Leaf): Leaf | undefined {
  const [p, q] = [table.parentOf(a), table.parentOf(b)];
  if (a.open && b.open && (p === undefined || q === undefined)) return p ?? q;
  if (a.open !== b.open) return a.open ? q : p;
  return table.commonParent(a, b);
}

function linkSplit(table: LeafTable, older: Leaf, newer: Leaf): void {
  const [p, q] = [older.split, newer.split];
  if (p && q && table.root(p.of) === table.root(q.of) && p.copies.length === q.copies.length) {
    p.copies.forEach((copy, i) => unifyProducts(table, [copy], [q.copies[i]!]));
    newer.split = undefined;
    return table.substitute(newer, [[older.id]]);
  }
  if (p) mergeCopies(table, older);
  if (q) mergeCopies(table, newer);
  unifyProducts(table, [older.id], [newer.id]);
}

function linkConcats(table: LeafTable, older: Leaf, newer: Leaf): void {
  unifyLabels(table, older.to!, newer.to!);
  const same = older.to!.length === newer.to!.length;
  for (const leaf of table.all) {
    if (leaf.split?.of !== newer.id) continue;
    if (same) leaf.split = { of: older.id, copies: leaf.split.copies };
    else mergeCopies(table, leaf);
  }
  table.substitute(newer, [[older.id]]);
}

/** A plain leaf that turns out to be a concatenation. */
function linkToConcat(table: LeafTable, leaf: Leaf, concat: Leaf): void {
  const differ = !leaf.open && leaf.within !== concat.within && table.parentOf(leaf) !== table.parentOf(concat);
  const children = descendants(table, leaf);
  table.substitute(leaf, [[concat.id]]);
  tellApart(table, concat, children);
  if (differ) dropWithin(table, concat.to!);
}

function dropWithin(table: LeafTable, label: Label): void {
  for (const atoms of table.segments(label)) {
    atoms.forEach((leaf, i) => {
      if (leaf.to) dropWithin(table, leaf.to);
      const parent = table.parentOf(leaf);
      if (parent && !atoms.slice(0, i).includes(parent)) table.setWithin(leaf, undefined);
    });
  }
}

/** One order for all copies of what was within something that was cut. */
export function mergeCopies(table: LeafTable, leaf: Leaf): void {
  const { copies } = leaf.split!;
  leaf.split = undefined;
  table.substitute(leaf, [[copies[0]!]]);
  dropWithin(
    table,
    copies.map((copy) => [copy]),
  );
  copies.slice(1).forEach((copy) => unifyProducts(table, [copies[0]!], [copy]));
}

/**
 * The first `at` places of an axis, and the others.
 *
 * @returns undefined where a product would have to be cut at a place that isn't between members of its slowest factor
 */
export function cutLabel(table: LeafTable, label: Label, at: number): readonly [Label, Label] | undefined {
  const sides: readonly [Product[], Product[]] = [[], []];
  let passed = 0;
  for (const atoms of table.segments(label)) {
    const product = idsOf(atoms);
    const size = table.sizeOf([product]);
    if (passed < at && passed + size > at) {
      const parts = cutProduct(table, atoms, at - passed);
      if (!parts) return undefined;
      sides[0].push(...parts[0]);
      sides[1].push(...parts[1]);
    } else sides[passed < at ? 0 : 1].push(product);
    passed += size;
  }
  return sides;
}

function cutProduct(table: LeafTable, [slowest, ...faster]: readonly Leaf[], at: number) {
  const leaf = slowest!;
  if (leaf.split) {
    mergeCopies(table, leaf);
    return cutLabel(table, [[leaf.id, ...idsOf(faster)]], at);
  }
  if (!leaf.to) {
    const each = faster.reduce((n, factor) => n * factor.size, 1);
    if (at % each !== 0) return undefined;
    cutLeaf(table, leaf, at / each);
  }
  const products = leaf.to!.map((segment, i) => [...segment, ...faster.map((factor) => copyOf(factor, leaf, i))]);
  return cutLabel(table, products, at);
}

/** In the product with segment `index` of a leaf that was cut. */
const copyOf = (factor: Leaf, cut: Leaf, index: number): LeafId =>
  factor.split?.of === cut.id ? factor.split.copies[index]! : factor.id;

/** Makes a leaf the concatenation of two; what is within it is told apart. */
function cutLeaf(table: LeafTable, leaf: Leaf, at: number): void {
  const { kind, free, within, open, size } = leaf;
  const part = (partSize: number, i: number) =>
    table.add({ name: leaf.name && `${leaf.name}.${i}`, size: partSize, kind, free, within, open });
  const children = descendants(table, leaf);
  table.substitute(leaf, [[part(at, 0)], [part(size - at, 1)]]);
  tellApart(table, leaf, children);
}

interface Descendant {
  readonly leaf: Leaf;
  readonly parent: Leaf;
}

/** What is within the leaf, and within that; outer before inner. */
function descendants(table: LeafTable, parent: Leaf): Descendant[] {
  return table.childrenOf(parent).flatMap((leaf) => [{ leaf, parent }, ...descendants(table, leaf)]);
}

/** One copy for each segment of what they are within. */
function tellApart(table: LeafTable, owner: Leaf, children: readonly Descendant[]): void {
  const copiesOf = new Map<Leaf, readonly LeafId[]>();
  for (const { leaf, parent } of children) {
    const { name, size, kind, free } = leaf;
    const outer = copiesOf.get(parent);
    const copies = owner.to!.map((segment, i) =>
      table.add({ name: name && `${name}.${i}`, size, kind, free, within: outer ? outer[i] : segment.at(-1) }),
    );
    copiesOf.set(leaf, copies);
    leaf.split = { of: owner.id, copies };
    table.changes++;
  }
}

/** The copy of a leaf for one part of what it is within; one for all where the part isn't a single segment. */
export function copyForPart(table: LeafTable, leaf: Leaf, part: Label): LeafId {
  if (!leaf.split) return leaf.id;
  const target = part.length === 1 && part[0]!.length === 1 ? table.root(part[0]![0]!) : undefined;
  const segments = table.root(leaf.split.of).to!;
  const index = segments.findIndex((segment) => target !== undefined && contains(table, segment, target));
  if (index < 0) {
    mergeCopies(table, leaf);
    return table.root(leaf.id).id;
  }
  return copyForPart(table, table.root(leaf.split.copies[index]!), part);
}

function contains(table: LeafTable, segment: Product, target: Leaf): boolean {
  if (segment.length !== 1) return false;
  const leaf = table.root(segment[0]!);
  return leaf === target || (leaf.to ?? []).some((inner) => contains(table, inner, target));
}
