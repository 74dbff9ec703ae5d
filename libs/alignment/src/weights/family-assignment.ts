/** @file The best orders of a space and of all that is within it, given how well each neuron fits each. */
import type { LeafSpace, SpaceElement } from '@weightspace/symmetry';
import munkres from 'munkres';

import type { Family } from './family.ts';
import type { PairFit } from './pair-fit.ts';

interface Chosen {
  /** By place: the old place. */
  readonly order: readonly number[];
  readonly value: number;
}

/**
 * The element that makes the sum of values largest: an assignment for the outer space, in which each pair is worth what
 * the best assignments inside of it are.
 *
 * Source: Kuhn 1955 and Munkres 1957 for one assignment.
 */
export class FamilyAssignment {
  readonly #fits: ReadonlyMap<LeafSpace, PairFit>;
  readonly #values = new Map<LeafSpace, Float64Array>();
  readonly #orders = new Map<LeafSpace, Map<number, Chosen>>();

  constructor(family: Family, fits: ReadonlyMap<LeafSpace, PairFit>) {
    this.#fits = fits;
    this.#evaluate(family);
  }

  /** @returns elements of the family's spaces */
  element(family: Family): Record<string, SpaceElement> {
    const element: Record<string, SpaceElement> = {};
    const instances = Array.from({ length: family.leaf.instances }, (_, p) => p);
    this.#write(family, instances, element);
    return element;
  }

  /** The value of every pair of neurons, inner spaces first. */
  #evaluate(family: Family): void {
    const { leaf, children } = family;
    children.forEach((child) => this.#evaluate(child));
    const { values } = this.#fits.get(leaf)!;
    this.#values.set(leaf, values);
    if (children.length === 0) return;
    const { total } = leaf;
    for (let q = 0; q < total; q++) {
      for (let old = 0; old < total; old++) {
        for (const child of children) values[q * total + old]! += this.#choose(child, q, old).value;
      }
    }
  }

  /** The best order of instance p of a space, when it takes the place of the old instance. */
  #choose({ leaf, ordered }: Family, p: number, old: number): Chosen {
    const known = this.#orders.get(leaf) ?? new Map<number, Chosen>();
    this.#orders.set(leaf, known);
    const key = p * leaf.instances + old;
    const found = known.get(key);
    if (found) return found;
    const chosen = assign(this.#values.get(leaf)!, leaf, ordered, p, old);
    known.set(key, chosen);
    return chosen;
  }

  /** @param from the old instance of each new one */
  #write(family: Family, from: readonly number[], element: Record<string, SpaceElement>): void {
    const { leaf, children } = family;
    const { size, total } = leaf;
    const fit = this.#fits.get(leaf)!;
    const { signs, phases } = fit.chooses;
    const permutation = new Int32Array(total);
    const [sign, shift] = [new Int8Array(total).fill(1), new Int32Array(total)];
    const flat: number[] = [];
    from.forEach((old, p) => {
      this.#choose(family, p, old).order.forEach((j, i) => {
        const [q, oldQ] = [p * size + i, old * size + j];
        permutation[q] = j;
        flat[q] = oldQ;
        if (signs || phases) ({ sign: sign[q], shift: shift[q] } = fit.choose(q, oldQ));
      });
    });
    element[leaf.name] = { permutation, ...(signs && { sign }), ...(phases && { shift }) };
    children.forEach((child) => this.#write(child, flat, element));
  }
}

function assign(values: Float64Array, { size, total }: LeafSpace, ordered: boolean, p: number, old: number): Chosen {
  const start = p * size * total + old * size;
  const order = Array.from({ length: size }, (_, i) => i);
  if (ordered && size > 1) {
    const costs = order.map((i) => {
      const row = new Float64Array(size);
      for (let j = 0, at = start + i * total; j < size; j++, at++) row[j] = -values[at]!;
      return row;
    });
    for (const [i, j] of munkres(costs)) order[i] = j;
  }
  return { order, value: order.reduce((sum, j, i) => sum + values[start + i * total + j]!, 0) };
}
