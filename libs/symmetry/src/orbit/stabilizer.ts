/** @file The elements that leave given parameters as they are, counted. */
import type { NdArrays } from '@weightspace/compute';

import { act } from '../act.ts';
import { keysOf, signElement, spacesWith } from '../canonical/canonical-form.ts';
import { deepSignatures, Marks, sameParameters, tiesOf, TOLERANCE, twinsOf } from '../canonical/refine.ts';
import type { Tie } from '../canonical/refine.ts';
import { signatures } from '../canonical/signatures.ts';
import type { NeuronNumbers, Signatures } from '../canonical/signatures.ts';
import { flatOrder } from '../element.ts';
import type { SpaceElement } from '../element.ts';
import { log10Factorial } from '../group.ts';
import type { SymmetryGroup } from '../group.ts';
import type { LeafSpace } from '../layout/layout.ts';
import { SymmetryError } from '../symmetry-error.ts';

/** So many refinements are made at most. */
const BUDGET = 2000;

/**
 * log₁₀ of the number of orders and signs that leave the parameters of one network exactly as they are.
 *
 * @throws {SymmetryError} when it would take too long, or neurons are their own negatives only together
 * Source: individualization and refinement, McKay 1981; the order is a product over a chain of stabilizers.
 */
export function log10StabilizerSize(group: SymmetryGroup, params: NdArrays): number {
  const { architecture } = group;
  const signed = new Set(spacesWith(group, 'sign'));
  const found = signatures(architecture, params, { signed });
  const positive = act(architecture, signElement(signed, found), params);
  const signs = log10Signs(group, signed, found, positive);
  const alike = tiesOf(spacesWith(group, 'permutation'), keysOf(found), false);
  return alike.length === 0 ? signs : signs + new PermutationStabilizer(group, positive).log10Size();
}

/** Of neurons that are their own negatives. */
function log10Signs(
  { architecture }: SymmetryGroup,
  signed: ReadonlySet<LeafSpace>,
  { plus, minus }: Signatures,
  params: NdArrays,
): number {
  let count = 0;
  for (const leaf of signed) {
    for (let q = 0; q < leaf.total; q++) {
      if (Math.abs(plus.get(leaf)![q]! - minus.get(leaf)![q]!) > TOLERANCE) continue;
      const permutation = Int32Array.from({ length: leaf.total }, (_, i) => i % leaf.size);
      const sign = new Int8Array(leaf.total).fill(1);
      sign[q] = -1;
      if (!sameParameters(act(architecture, { [leaf.name]: { permutation, sign } }, params), params, 0)) {
        const message = `neuron ${q} of space '${leaf.name}' must have a sign of its own, got one that it shares with others`;
        throw new SymmetryError('log10OrbitSize', message);
      }
      count++;
    }
  }
  return count * Math.log10(2);
}

class PermutationStabilizer {
  readonly #group: SymmetryGroup;
  readonly #params: NdArrays;
  readonly #leaves: readonly LeafSpace[];
  #left = BUDGET;

  constructor(group: SymmetryGroup, params: NdArrays) {
    this.#group = group;
    this.#params = params;
    this.#leaves = spacesWith(group, 'permutation');
  }

  log10Size(): number {
    const { architecture } = this.#group;
    let marks = new Marks(this.#leaves);
    let log = 0;
    for (const tie of tiesOf(this.#leaves, this.#colours(marks), true)) {
      for (const twins of twinsOf(architecture, this.#params, tie, 0)) {
        log += log10Factorial(twins.length);
        marks.rank(tie.leaf, twins);
      }
    }
    // Twins now have ranks; what is left are elements that keep these.
    for (;;) {
      const tie = this.#smallestTie(marks);
      if (tie === undefined) return log;
      const [first, ...others] = tie.neurons;
      const apart = marks.with(tie.leaf, first!);
      const images = others.filter((q) => this.#maps(apart, marks.with(tie.leaf, q)));
      log += Math.log10(1 + images.length);
      marks = apart;
    }
  }

  #colours(marks: Marks): NeuronNumbers {
    if (this.#left-- <= 0) {
      const message = `stabilizer must be found in ${BUDGET} refinements, got more; too many neurons are alike`;
      throw new SymmetryError('log10OrbitSize', message);
    }
    return deepSignatures(this.#group.architecture, this.#params, { marks: marks.numbers }).plus;
  }

  #smallestTie(marks: Marks): Tie | undefined {
    const ties = tiesOf(this.#leaves, this.#colours(marks), false);
    return ties.reduce<Tie | undefined>(
      (least, tie) => (least && least.neurons.length <= tie.neurons.length ? least : tie),
      undefined,
    );
  }

  /** Whether any element takes the neurons with marks a to those with marks b, and leaves the parameters. */
  #maps(a: Marks, b: Marks): boolean {
    const [one, two] = [this.#colours(a), this.#colours(b)];
    if (!this.#leaves.every((leaf) => sameColours(one.get(leaf)!, two.get(leaf)!))) return false;
    const [tie] = tiesOf(this.#leaves, one, false);
    if (tie === undefined) return this.#stabilizes(one, two);
    const [first] = tie.neurons;
    const own = one.get(tie.leaf)![first!]!;
    const next = a.with(tie.leaf, first!);
    return tiesOf([tie.leaf], two, false)
      .filter(({ neurons }) => Math.abs(two.get(tie.leaf)![neurons[0]!]! - own) < 1e3 * TOLERANCE)
      .some(({ neurons }) => neurons.some((q) => this.#maps(next, b.with(tie.leaf, q))));
  }

  /** Whether the one element that the colours allow leaves the parameters as they are. */
  #stabilizes(one: NeuronNumbers, two: NeuronNumbers): boolean {
    const element: Record<string, SpaceElement> = {};
    // Parents come before what is within them.
    for (const leaf of this.#leaves) {
      const order = matchColours(one.get(leaf)!, two.get(leaf)!);
      const outer = leaf.parent && flatOrder(leaf.parent, element);
      const fits = order.every((old, q) => {
        const instance = Math.floor(q / leaf.size);
        return Math.floor(old / leaf.size) === (outer?.[instance] ?? instance);
      });
      if (!fits) return false;
      element[leaf.name] = { permutation: order.map((old) => old % leaf.size) };
    }
    const moved = act(this.#group.architecture, element, this.#params);
    return sameParameters(moved, this.#params, 0);
  }
}

const byNumber = (a: number, b: number): number => a - b;

function sameColours(one: Float64Array, two: Float64Array): boolean {
  const [a, b] = [Float64Array.from(one).sort(byNumber), Float64Array.from(two).sort(byNumber)];
  return a.every((colour, i) => Math.abs(colour - b[i]!) < 1e3 * TOLERANCE);
}

/** For each neuron of `two`'s order the neuron of `one`'s with its colour. */
function matchColours(one: Float64Array, two: Float64Array): Int32Array {
  const sorted = (own: Float64Array) => Array.from(own.keys()).sort((a, b) => own[a]! - own[b]!);
  const [from, to] = [sorted(one), sorted(two)];
  const order = new Int32Array(one.length);
  to.forEach((q, i) => (order[q] = from[i]!));
  return order;
}
