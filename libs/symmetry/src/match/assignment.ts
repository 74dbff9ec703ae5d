/** @file The best orders of a space and of all that is within it, given how well each neuron fits each. */
import munkres from 'munkres';

import type { LeafSpace } from '../layout/layout.ts';
import type { SpaceElement } from '../element.ts';
import type { PairProducts } from './family-products.ts';

/** A space that isn't within another one that moves, and what is within it. */
export interface Family {
  readonly leaf: LeafSpace;
  /** Whether its order may change, and its signs. */
  readonly ordered: boolean;
  readonly signed: boolean;
  readonly children: readonly Family[];
}

interface Chosen {
  /** By place: the old place. */
  readonly order: readonly number[];
  readonly value: number;
}

/**
 * The element that makes the sum of products largest: an assignment for the outer space, in which each pair is worth what
 * the best assignments inside of it are.
 *
 * Source: Kuhn 1955 and Munkres 1957 for one assignment.
 */
export class FamilyAssignment {
  readonly #products: ReadonlyMap<LeafSpace, PairProducts>;
  readonly #values = new Map<LeafSpace, Float64Array>();
  readonly #orders = new Map<string, Chosen>();

  constructor(family: Family, products: ReadonlyMap<LeafSpace, PairProducts>) {
    this.#products = products;
    this.#evaluate(family);
  }

  /** @returns elements of the family's spaces */
  element(family: Family): Record<string, SpaceElement> {
    const { leaf } = family;
    const element: Record<string, SpaceElement> = {};
    const instances = Array.from({ length: leaf.instances }, (_, p) => p);
    this.#write(family, instances, element);
    return element;
  }

  /** The value of every pair of neurons, inner spaces first. */
  #evaluate(family: Family): void {
    const { leaf, signed, children } = family;
    children.forEach((child) => this.#evaluate(child));
    const own = this.#products.get(leaf)!;
    // The sign of a neuron that others are within would be theirs, too: it is chosen in a step of its own.
    const signs = signed && children.length === 0;
    const values = own.signed.map((product, at) => (signs ? Math.abs(product) : product) + own.unsigned[at]!);
    const { total } = leaf;
    for (let q = 0; q < total; q++) {
      for (let old = 0; old < total; old++) {
        for (const child of children) values[q * total + old]! += this.#choose(child, q, old).value;
      }
    }
    this.#values.set(leaf, values);
  }

  /** The best order of instance p of a space, when it takes the place of the old instance. */
  #choose({ leaf, ordered }: Family, p: number, old: number): Chosen {
    const key = `${leaf.name} ${p} ${old}`;
    const known = this.#orders.get(key);
    if (known) return known;
    const { size, total } = leaf;
    const values = this.#values.get(leaf)!;
    const value = (i: number, j: number) => values[(p * size + i) * total + old * size + j]!;
    const chosen = assign(size, ordered, value);
    this.#orders.set(key, chosen);
    return chosen;
  }

  /** @param from the old instance of each new one */
  #write(family: Family, from: readonly number[], element: Record<string, SpaceElement>): void {
    const { leaf, signed, children } = family;
    const { size, total } = leaf;
    const permutation = new Int32Array(total);
    const sign = new Int8Array(total).fill(1);
    const products = this.#products.get(leaf)!.signed;
    const flat: number[] = [];
    from.forEach((old, p) => {
      this.#choose(family, p, old).order.forEach((j, i) => {
        const [q, oldQ] = [p * size + i, old * size + j];
        permutation[q] = j;
        flat[q] = oldQ;
        if (children.length === 0 && products[q * total + oldQ]! < 0) sign[q] = -1;
      });
    });
    element[leaf.name] = { permutation, ...(signed && { sign }) };
    children.forEach((child) => this.#write(child, flat, element));
  }
}

function assign(size: number, ordered: boolean, value: (i: number, j: number) => number): Chosen {
  const order = Array.from({ length: size }, (_, i) => i);
  if (ordered && size > 1) {
    const costs = order.map((i) => Float64Array.from({ length: size }, (_, j) => -value(i, j)));
    for (const [i, j] of munkres(costs)) order[i] = j;
  }
  return { order, value: order.reduce((sum, j, i) => sum + value(i, j), 0) };
}
