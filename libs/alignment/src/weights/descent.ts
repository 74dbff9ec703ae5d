/** @file Coordinate descent over the spaces of a network: the best orders, signs and shifts of one after another. */
import type { LabelledNetwork } from '@weightspace/architecture';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { act, compose, isIdentity, layoutOf } from '@weightspace/symmetry';
import type { GroupElement, LeafSpace, ParameterLayout, SpaceElement, SymmetryGroup } from '@weightspace/symmetry';

import { FamilyAssignment } from './family-assignment.ts';
import { familiesOf, membersOf } from './family.ts';
import type { Family } from './family.ts';
import { PairFit } from './pair-fit.ts';
import type { RowProducts } from './row-products.ts';
import { signsOf } from './signs.ts';
import { squaredDistance } from './distance.ts';

export interface DescentOptions {
  /** Most passes over all spaces. */
  readonly sweeps: number;
  /** Draws the order of the spaces in each sweep; that of the network when absent. */
  readonly order?: RandomStream;
}

export interface Descended {
  readonly element: GroupElement;
  /** Where it brings the parameters. */
  readonly params: NdArrays;
  /** Euclidean distance to the reference at the start and after each sweep; never rises. */
  readonly distances: readonly number[];
  /** Whether nothing could be moved any more; false when the sweeps ran out. */
  readonly converged: boolean;
}

/** A family with all that its steps need. */
interface Mover {
  readonly family: Family;
  readonly fits: ReadonlyMap<LeafSpace, PairFit>;
  /** The network with the parameters alone that the family moves. */
  readonly touched: LabelledNetwork;
  readonly layouts: readonly ParameterLayout[];
  /** Whether its own move changes how well its neurons fit. */
  readonly coupled: boolean;
}

/**
 * Brings networks near to a reference. Made once for a group, its buffers serve any number of pairs, one at a time.
 *
 * A step that isn't known to be the best one (a space on two axes of one parameter, two families of one parent) is taken
 * when the distance falls, so that this never rises.
 */
export class Descent {
  readonly #network: LabelledNetwork;
  readonly #movers: readonly Mover[];
  readonly #products: RowProducts;
  #reference: NdArrays = {};

  constructor(group: SymmetryGroup, products: RowProducts) {
    this.#network = group.architecture;
    this.#products = products;
    this.#movers = familiesOf(group).map((family) => moverOf(group.architecture, family));
  }

  refer(reference: NdArrays): void {
    this.#reference = reference;
    this.#movers.forEach(({ fits }) => fits.forEach((fit) => fit.refer(reference)));
  }

  /** @param start acts on the parameters first */
  async run(start: GroupElement, params: NdArrays, { sweeps, order }: DescentOptions): Promise<Descended> {
    let now = { element: start, params: act(this.#network, start, params) };
    const distances = [Math.sqrt(squaredDistance(this.#reference, now.params))];
    const open = new Set(this.#movers);
    for (let sweep = 0; sweep < sweeps && open.size > 0; sweep++) {
      const movers = order ? Array.from(order.permutation(this.#movers.length), (i) => this.#movers[i]!) : this.#movers;
      for (const mover of movers) {
        if (!open.delete(mover)) continue;
        const next = await this.#step(mover, now);
        if (next === now) continue;
        this.#movers.filter((other) => meets(other, mover)).forEach((other) => open.add(other));
        now = next;
      }
      distances.push(Math.sqrt(squaredDistance(this.#reference, now.params)));
    }
    return { ...now, distances, converged: open.size === 0 };
  }

  async #step(mover: Mover, now: Moved): Promise<Moved> {
    const { family, fits } = mover;
    for (const fit of fits.values()) await fit.measure(now.params, this.#products);
    const ordered = this.#nearer(mover, now, new FamilyAssignment(family, fits).element(family));
    const outer = membersOf(family).filter(({ signed, children }) => signed && children.length > 0);
    if (outer.length === 0) return ordered;
    return this.#nearer(mover, ordered, this.#signs(mover, outer, ordered.params));
  }

  /** What the element gives where that is nearer, else what was. */
  #nearer({ touched }: Mover, now: Moved, element: GroupElement): Moved {
    if (isIdentity(element)) return now;
    const changed = act(touched, element, now.params);
    const before = squaredDistance(this.#reference, now.params, touched.parameters);
    if (!(squaredDistance(this.#reference, changed, touched.parameters) < before)) return now;
    return { element: compose(element, now.element, this.#network), params: { ...now.params, ...changed } };
  }

  /** The best signs of spaces that others are within, in the present order, each for itself. */
  #signs({ layouts }: Mover, families: readonly Family[], params: NdArrays): GroupElement {
    const element: Record<string, SpaceElement> = {};
    for (const { leaf } of families) {
      const permutation = Int32Array.from({ length: leaf.total }, (_, q) => q % leaf.size);
      element[leaf.name] = { permutation, sign: signsOf(leaf, layouts, this.#reference, params) };
    }
    return element;
  }
}

interface Moved {
  readonly element: GroupElement;
  readonly params: NdArrays;
}

function moverOf(network: LabelledNetwork, family: Family): Mover {
  const members = membersOf(family);
  const { parameters } = layoutOf(network);
  const slotsIn = ({ ranges }: ParameterLayout) =>
    ranges.flatMap(({ slots }) => slots.filter(({ leaf }) => members.some((member) => member.leaf === leaf)));
  const own = parameters.filter((layout) => slotsIn(layout).length > 0);
  return {
    family,
    fits: new Map(members.map((member) => [member.leaf, new PairFit(member, own)])),
    layouts: own,
    touched: { ...network, parameters: own.map(({ parameter }) => parameter) },
    coupled: members.length > 1 || own.some((layout) => slotsIn(layout).length > 1),
  };
}

/** Whether what the one moves changes the best move of the other. */
const meets = (one: Mover, moved: Mover): boolean =>
  one === moved
    ? one.coupled
    : one.touched.parameters.some((parameter) => moved.touched.parameters.includes(parameter));
