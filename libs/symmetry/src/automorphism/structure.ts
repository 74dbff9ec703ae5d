/** @file The automorphisms of a network's parameter structure by brute force: a check of the group on small networks. */
import type { LabelledNetwork } from '@weightspace/architecture';

import type { GroupElement, SpaceElement } from '../element.ts';
import { flatOrder } from '../element.ts';
import type { SymmetryGroup } from '../group.ts';
import { layoutOf } from '../layout/layout.ts';
import type { AxisRange, LeafSpace } from '../layout/layout.ts';
import { SymmetryError } from '../symmetry-error.ts';
import { permutationsOf } from './permutations.ts';

/** Orders of all neurons of each free space, numbered over all instances: the new neuron i was `orders[space][i]`. */
export type NeuronOrders = ReadonlyMap<string, Int32Array>;

export interface AutomorphismReport {
  /** Whether the group's orders and the automorphisms are the same. */
  readonly passed: boolean;
  /** Number of orders in the group. */
  readonly order: number;
  /** Number of automorphisms found by brute force. */
  readonly automorphisms: number;
  /** An automorphism that isn't in the group, if there is any. */
  readonly outside: NeuronOrders | undefined;
}

export interface AutomorphismOptions {
  /** Most orders that are tried for one space, and that are kept; 50,000 unless said otherwise. */
  readonly limit?: number;
}

/**
 * All permutations of the neurons of all free spaces that map every place of a parameter onto a place of the same one.
 *
 * A place is a tuple of neurons: those that stand at its index, on all axes, with those that they are within; neurons of
 * fixed spaces (inputs, outputs, kernels) stay. Nothing is assumed of the group: all n! orders of all instances together
 * are tried, space by space, and thrown away as soon as a parameter forbids them.
 *
 * @throws {SymmetryError} when there are more than `limit` to try
 */
export function automorphisms(network: LabelledNetwork, { limit = 50_000 }: AutomorphismOptions = {}): NeuronOrders[] {
  const { leaves, parameters } = layoutOf(network);
  const ranges = parameters.flatMap((parameter) => parameter.ranges).map((range) => new Places(range));
  const used = new Set(ranges.flatMap((places) => places.leaves));
  let found: ReadonlyMap<string, Int32Array>[] = [new Map()];
  const known: LeafSpace[] = [];
  for (const leaf of [...leaves.values()].filter((own) => used.has(own))) {
    known.push(leaf);
    const checks = ranges.filter(
      ({ leaves: own }) => own.includes(leaf) && own.every((other) => known.includes(other)),
    );
    const orders = permutationsOf(leaf.total, limit, `space '${leaf.name}'`);
    const next: ReadonlyMap<string, Int32Array>[] = [];
    for (const partial of found) {
      for (const order of orders) {
        const candidate = new Map(partial).set(leaf.name, order);
        if (checks.every((places) => places.allows(candidate))) next.push(candidate);
      }
      if (next.length > limit) tooMany(limit);
    }
    found = next;
  }
  return found;
}

function tooMany(limit: number): never {
  throw new SymmetryError('automorphisms', `network must have at most ${limit} partial automorphisms, got more`);
}

/** The tuples of neurons that stand at the positions of a range. */
class Places {
  readonly leaves: readonly LeafSpace[];
  readonly #range: AxisRange;
  readonly #known: Set<string>;

  constructor(range: AxisRange) {
    this.#range = range;
    this.leaves = [...new Set(range.slots.map(({ leaf }) => leaf).filter(({ free }) => free))];
    this.#known = new Set(this.#tuples((_, q) => q));
  }

  allows(orders: NeuronOrders): boolean {
    return this.#tuples((leaf, q) => orders.get(leaf.name)?.[q] ?? q).every((tuple) => this.#known.has(tuple));
  }

  #tuples(image: (leaf: LeafSpace, q: number) => number): string[] {
    const { size, slots, segments } = this.#range;
    return Array.from({ length: size }, (_, x) => {
      const neurons = slots.map(({ leaf, neurons: own }) => (own[x]! < 0 ? -1 : image(leaf, own[x]!)));
      return `${segments[x]!}: ${neurons.join()}`;
    });
  }
}

/**
 * Compares the orders that a group claims with the automorphisms that brute force finds.
 *
 * @throws {SymmetryError} when the network is too large for it
 */
export function checkAutomorphisms(group: SymmetryGroup, options: AutomorphismOptions = {}): AutomorphismReport {
  const found = automorphisms(group.architecture, options);
  const orders = { ...group, spaces: group.spaces.filter(({ kinds }) => kinds.includes('permutation')) };
  const order = orders.spaces.reduce((n, { size, within }) => n * factorial(size) ** (within?.instances ?? 1), 1);
  const outside = found.find((own) => elementOf(orders, own) === undefined);
  return { passed: outside === undefined && order === found.length, order, automorphisms: found.length, outside };
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

/** The element of the group that has these orders, if there is one. */
export function elementOf({ architecture, spaces }: SymmetryGroup, orders: NeuronOrders): GroupElement | undefined {
  const element: Record<string, SpaceElement> = {};
  for (const leaf of layoutOf(architecture).leaves.values()) {
    const order = orders.get(leaf.name);
    if (order === undefined) continue;
    const outer = leaf.parent && flatOrder(leaf.parent, element);
    const claimed = spaces.find(({ name }) => name === leaf.name);
    const instances = claimed?.within?.instances ?? 1;
    const inside = order.every((old, q) => {
      const p = Math.floor(q / leaf.size);
      return Math.floor(old / leaf.size) === (outer?.[p] ?? p);
    });
    const moves = order.some((old, q) => old % leaf.size !== q % leaf.size);
    if (!inside || (moves && claimed === undefined) || (claimed && instances !== leaf.instances)) return undefined;
    element[leaf.name] = { permutation: order.map((old) => old % leaf.size) };
  }
  return element;
}
