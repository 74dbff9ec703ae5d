/** @file Index tuples as forests, and the ways in which members of a tuple can coincide. */

/**
 * One index of a tuple. Indices of one space can be compared; those of a space that is within another one only where their
 * parents are the same, since each member of the parent has an order of its own.
 */
export interface Index {
  readonly space: string;
  readonly size: number;
  /** Place in the same tuple of the index that says which member of the outer space it is within. */
  readonly parent: number | undefined;
}

export type Forest = readonly Index[];

/** By index: the number of its part; parts are numbered in the order of their first members. */
export type Partition = readonly number[];

/** Both tuples, one after the other. */
export const joined = (a: Forest, b: Forest): Forest => [
  ...a,
  ...b.map((index) => ({ ...index, parent: index.parent === undefined ? undefined : index.parent + a.length })),
];

/**
 * All partitions of a tuple's indices into parts that are equal: the orbits of tuples under the group.
 *
 * Only indices of one space and with parents in one part can be in one part. For plain spaces these are the products of
 * all set partitions of each group of equal labels, so there are as many as the product of their Bell numbers.
 *
 * Source: Zhou et al. 2024, "Universal Neural Functionals", arXiv:2402.05232, section 3 (valid partitions).
 * Departs: spaces within others, whose group is a wreath product.
 */
export function partitionsOf(forest: Forest): Partition[] {
  const order = parentsFirst(forest);
  let found: (number | undefined)[][] = [forest.map(() => undefined)];
  for (const at of order) {
    const { space, parent } = forest[at]!;
    found = found.flatMap((parts) => {
      const equals = order.filter(
        (other) =>
          parts[other] !== undefined &&
          forest[other]!.space === space &&
          partOf(parts, forest[other]!.parent) === partOf(parts, parent),
      );
      const fresh = parts.filter((part) => part !== undefined).length;
      return [...new Set([...equals.map((other) => parts[other]!), fresh])].map((part) => parts.with(at, part));
    });
  }
  return found.map((parts) => renumbered(parts as number[]));
}

const partOf = (parts: readonly (number | undefined)[], index: number | undefined): number | undefined =>
  index === undefined ? undefined : parts[index];

function renumbered(parts: readonly number[]): Partition {
  const numbers = new Map<number, number>();
  return parts.map((part) => {
    if (!numbers.has(part)) numbers.set(part, numbers.size);
    return numbers.get(part)!;
  });
}

/** Places in an order in which every parent is before its children. */
function parentsFirst(forest: Forest): number[] {
  const depth = (at: number): number => {
    const { parent } = forest[at]!;
    return parent === undefined ? 0 : 1 + depth(parent);
  };
  return forest.map((_, at) => at).sort((a, b) => depth(a) - depth(b) || a - b);
}

/** One index for each part. */
export function quotient(forest: Forest, partition: Partition): Forest {
  const count = Math.max(-1, ...partition) + 1;
  return Array.from({ length: count }, (_, part) => {
    const { space, size, parent } = forest[partition.indexOf(part)]!;
    return { space, size, parent: parent === undefined ? undefined : partition[parent]! };
  });
}

/** All sets of indices that hold the parents of all that they hold, the smallest first; each in ascending order. */
export function closedSubsets(forest: Forest): number[][] {
  let subsets: number[][] = [[]];
  for (const at of parentsFirst(forest)) {
    const { parent } = forest[at]!;
    const larger = subsets.filter((own) => parent === undefined || own.includes(parent)).map((own) => [...own, at]);
    subsets = [...subsets, ...larger];
  }
  return subsets.map((own) => own.toSorted((a, b) => a - b)).sort((a, b) => a.length - b.length);
}

/** The indices at these places alone; the parents of each must be among them. */
export const restricted = (forest: Forest, places: readonly number[]): Forest =>
  places.map((at) => {
    const { space, size, parent } = forest[at]!;
    return { space, size, parent: parent === undefined ? undefined : places.indexOf(parent) };
  });

/** The same for two forests exactly if they differ in the order of their indices alone; legible: 'd head(qk)'. */
export function shapeOf(forest: Forest): string {
  const written = (at: number): string => {
    const { space } = forest[at]!;
    const children = forest.flatMap((index, child) => (index.parent === at ? [written(child)] : []));
    const name = /[\s()"]/.test(space) ? JSON.stringify(space) : space;
    return name + (children.length > 0 ? `(${children.sort().join(' ')})` : '');
  };
  return forest
    .flatMap((index, at) => (index.parent === undefined ? [written(at)] : []))
    .sort()
    .join(' ');
}

/** All maps from the places of one forest to those of another one of the same shape that keep spaces and parents. */
export function isomorphisms(from: Forest, to: Forest): number[][] {
  const order = parentsFirst(from);
  let maps: (number | undefined)[][] = [from.map(() => undefined)];
  for (const at of order) {
    const { space, parent } = from[at]!;
    maps = maps.flatMap((map) =>
      to.flatMap((index, image) => {
        const fits = index.space === space && index.parent === partOf(map, parent) && !map.includes(image);
        return fits ? [map.with(at, image)] : [];
      }),
    );
  }
  return from.length === to.length ? (maps as number[][]) : [];
}
