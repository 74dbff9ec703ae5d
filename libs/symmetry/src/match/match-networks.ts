import type { NdArrays } from '@weightspace/compute';

import { act } from '../act.ts';
import { canonicalElement, spacesWith } from '../canonical/canonical-form.ts';
import { gaugeElement } from '../canonical/gauge.ts';
import { compose, inverse } from '../element.ts';
import type { GroupElement, SpaceElement } from '../element.ts';
import type { SymmetryGroup } from '../group.ts';
import { layoutOf } from '../layout/layout.ts';
import type { LeafSpace, ParameterLayout } from '../layout/layout.ts';
import { FamilyAssignment } from './assignment.ts';
import type { Family } from './assignment.ts';
import { pairProducts, RowProducts } from './family-products.ts';
import type { PairProducts } from './family-products.ts';

export interface Match {
  /** What brings the parameters as near to the reference as was found. */
  readonly element: GroupElement;
  /** The parameters there. */
  readonly params: NdArrays;
  /** Euclidean distance between them and the reference. */
  readonly distance: number;
  /** `distance` as a share of the reference's norm. */
  readonly relative: number;
  /** Distance before. */
  readonly distanceBefore: number;
}

/**
 * Matches the neurons of a network to those of a reference: a distance between networks up to symmetry.
 *
 *     min over g of ‖reference − g · params‖
 *
 * Scales and phases of both are brought to one gauge; then the orders and signs of one space after another, with all that
 * is within it, are chosen best for the present ones of the others, until nothing gets nearer. It starts from the orders
 * that there are and from those of the canonical forms, and keeps the nearer end.
 *
 * @param reference of one network, `[…shape]`
 * @param params of another network with the same labels
 * @throws {SymmetryError | ParameterError | ShapeError} when parameters don't fit
 * Symmetry: for networks of one orbit the distance is 0, to rounding, wherever canonical forms are exact.
 * Source: Ainsworth et al. 2023, "Git Re-Basin", arXiv:2209.04836, section 3.2 (matching weights).
 * Departs: families are matched as a whole; two starts in place of one; where a space is on two axes of a parameter, or
 *   two families are, the step is for one of them and taken only when the distance falls. The minimum is a local one.
 */
export async function matchNetworks(group: SymmetryGroup, reference: NdArrays, params: NdArrays): Promise<Match> {
  const { architecture } = group;
  const [target, source] = [act(architecture, {}, reference), act(architecture, {}, params)];
  const [toGauge, fromGauge] = [gaugeElement(group, target), gaugeElement(group, source)];
  const [a, b] = [act(architecture, toGauge, target), act(architecture, fromGauge, source)];
  const back = inverse(canonicalElement(group, a), architecture);
  const descent = new Descent(group, a);
  const one = await descent.run(compose(back, canonicalElement(group, b), architecture), b);
  const norm = Math.sqrt(squares(target));
  const other = one.distance > ROUNDING * norm ? await descent.run({}, b) : one;
  const best = other.distance < one.distance ? other : one;
  await descent.release();
  const element = compose(inverse(toGauge, architecture), compose(best.element, fromGauge, architecture), architecture);
  const moved = act(architecture, element, source);
  const distance = distanceOf(target, moved);
  const relative = distance === 0 ? 0 : distance / norm;
  return { element, params: moved, distance, relative, distanceBefore: distanceOf(target, source) };
}

/** A distance that is a smaller share of the norm than this is none. */
const ROUNDING = 1e-6;

interface Step {
  readonly element: GroupElement;
  readonly params: NdArrays;
  readonly distance: number;
}

/** All spaces are gone through at most so often. */
const SWEEPS = 50;

class Descent {
  readonly #group: SymmetryGroup;
  readonly #reference: NdArrays;
  readonly #families: readonly Family[];
  readonly #products = new RowProducts();

  constructor(group: SymmetryGroup, reference: NdArrays) {
    this.#group = group;
    this.#reference = reference;
    this.#families = familiesOf(group);
  }

  async run(start: GroupElement, params: NdArrays): Promise<Step> {
    const moved = act(this.#group.architecture, start, params);
    let now: Step = { element: start, params: moved, distance: distanceOf(this.#reference, moved) };
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const before = now.distance;
      for (const family of this.#families) {
        now = this.#nearer(now, await this.#orders(family, now.params));
        now = this.#nearer(now, await this.#signs(family, now.params));
      }
      if (!(now.distance < before)) break;
    }
    return now;
  }

  release(): Promise<void> {
    return this.#products.release();
  }

  #nearer(now: Step, element: GroupElement): Step {
    const { architecture } = this.#group;
    const params = act(architecture, element, now.params);
    const distance = distanceOf(this.#reference, params);
    return distance < now.distance ? { element: compose(element, now.element, architecture), params, distance } : now;
  }

  async #orders(family: Family, params: NdArrays): Promise<GroupElement> {
    const products = new Map<LeafSpace, PairProducts>();
    for (const { leaf } of membersOf(family)) products.set(leaf, await this.#pairs(leaf, params));
    return new FamilyAssignment(family, products).element(family);
  }

  /** The best signs of the family's spaces in the present order, each for itself. */
  async #signs(family: Family, params: NdArrays): Promise<GroupElement> {
    const element: Record<string, SpaceElement> = {};
    for (const { leaf } of membersOf(family).filter(({ signed, children }) => signed && children.length > 0)) {
      const { size, total } = leaf;
      const sign = signsOf(leaf, layoutOf(this.#group.architecture).parameters, this.#reference, params);
      element[leaf.name] = { permutation: Int32Array.from({ length: total }, (_, q) => q % size), sign };
    }
    return element;
  }

  #pairs(leaf: LeafSpace, params: NdArrays): Promise<PairProducts> {
    return pairProducts(layoutOf(this.#group.architecture), leaf, this.#reference, params, this.#products);
  }
}

/** All free spaces, as trees of what is within what. */
function familiesOf(group: SymmetryGroup): Family[] {
  const free = [...layoutOf(group.architecture).leaves.values()].filter((leaf) => leaf.free);
  const [ordered, signed] = [new Set(spacesWith(group, 'permutation')), new Set(spacesWith(group, 'sign'))];
  const family = (leaf: LeafSpace): Family => ({
    leaf,
    ordered: ordered.has(leaf),
    signed: signed.has(leaf),
    children: free.filter(({ parent }) => parent === leaf).map(family),
  });
  const moves = (own: Family): boolean => membersOf(own).some((member) => member.ordered || member.signed);
  return free
    .filter(({ parent }) => !parent?.free)
    .map(family)
    .filter(moves);
}

const membersOf = (family: Family): Family[] => [family, ...family.children.flatMap(membersOf)];

/** The sign of each neuron with which its numbers fit the reference best. */
function signsOf(
  leaf: LeafSpace,
  parameters: readonly ParameterLayout[],
  reference: NdArrays,
  params: NdArrays,
): Int8Array {
  const sums = new Float64Array(leaf.total);
  for (const { parameter, ranges } of parameters) {
    const [a, b] = [reference[parameter.name]!.data, params[parameter.name]!.data];
    let stride = a.length;
    for (const { size, slots } of ranges) {
      stride /= size;
      for (const { neurons } of slots.filter((slot) => slot.leaf === leaf && slot.role !== 'index')) {
        for (let at = 0; at < a.length; at++) {
          const q = neurons[Math.floor(at / stride) % size]!;
          if (q >= 0) sums[q]! += a[at]! * b[at]!;
        }
      }
    }
  }
  return Int8Array.from(sums, (sum) => (sum < 0 ? -1 : 1));
}

const squares = (params: NdArrays): number =>
  Object.values(params).reduce((total, { data }) => {
    for (const value of data) total += value * value;
    return total;
  }, 0);

function distanceOf(a: NdArrays, b: NdArrays): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(a)) {
    const other = b[name]!.data;
    for (let i = 0; i < data.length; i++) sum += (data[i]! - other[i]!) ** 2;
  }
  return Math.sqrt(sum);
}
