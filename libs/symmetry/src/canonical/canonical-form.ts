import type { NdArrays } from '@weightspace/compute';
import { ndarray, sizeOf } from '@weightspace/compute';

import { act } from '../act.ts';
import { compose, flatOrder } from '../element.ts';
import type { GroupElement, SpaceElement } from '../element.ts';
import type { SymmetryGroup } from '../group.ts';
import { layoutOf } from '../layout/layout.ts';
import type { LeafSpace } from '../layout/layout.ts';
import { gaugeElement } from './gauge.ts';
import { deepSignatures, Marks, tiesOf, twinsOf } from './refine.ts';
import type { Tie } from './refine.ts';
import { signatures } from './signatures.ts';
import type { NeuronNumbers, Signatures } from './signatures.ts';

export interface CanonicalForm {
  readonly params: NdArrays;
  /** What brings the parameters there; one for each of stacked networks. */
  readonly elements: readonly GroupElement[];
}

/**
 * One representative of the parameters' orbit, the same for all of the orbit: equal forms, equal networks up to symmetry.
 *
 * Scales are balanced and phases brought next to 0 (`gaugeElement`); then the neurons of each space, and of each instance
 * of it, are put in the order of their signatures, with the sign that has the larger one. Neurons with equal signatures
 * that aren't exchangeable on their own are told apart one after another.
 *
 * @param params `[…shape]` of one network, or `[N, …shape]`
 * @throws {SymmetryError | ParameterError | ShapeError} when the parameters don't fit
 * Symmetry: invariant, bit by bit where the group has no scales and phases, else to rounding. Where two neurons have
 *   signatures that differ by no more than rounding, their order after a scale or phase is left to chance.
 * Source: colour refinement and individualization, McKay 1981, "Practical graph isomorphism".
 */
export function canonicalForm(group: SymmetryGroup, params: NdArrays): CanonicalForm {
  const { architecture } = group;
  const elements = networksOf(group, params).map((own) => canonicalElement(group, own));
  const [first] = architecture.parameters;
  const stacked = first !== undefined && params[first.name]!.shape.length > first.shape.length;
  return { elements, params: act(architecture, stacked ? elements : elements[0]!, params) };
}

/** The parameters of each stacked network on its own; of a single one as they are. */
function networksOf({ architecture }: SymmetryGroup, params: NdArrays): NdArrays[] {
  const moved = act(architecture, {}, params);
  const [first] = architecture.parameters;
  if (first === undefined || moved[first.name]!.shape.length === first.shape.length) return [moved];
  return Array.from({ length: moved[first.name]!.shape[0]! }, (_, n) =>
    Object.fromEntries(
      architecture.parameters.map(({ name, shape }) => {
        const size = sizeOf(shape);
        return [name, ndarray(moved[name]!.data.slice(n * size, (n + 1) * size) as Float32Array, shape)];
      }),
    ),
  );
}

/** The element that brings one network's parameters into canonical form. */
export function canonicalElement(group: SymmetryGroup, params: NdArrays): GroupElement {
  const gauge = gaugeElement(group, params);
  const sorted = sortingElement(group, act(group.architecture, gauge, params));
  return compose(sorted, gauge, group.architecture);
}

/** Spaces of which the group changes signs, or orders. */
export function spacesWith({ architecture, spaces }: SymmetryGroup, kind: 'sign' | 'permutation'): LeafSpace[] {
  const { leaves } = layoutOf(architecture);
  return spaces.filter(({ kinds }) => kinds.includes(kind)).map(({ name }) => leaves.get(name)!);
}

/** Neurons are told apart at most so many times, after which their order is left to chance. */
const LIMIT = 64;

/** Orders and signs; scales and phases must have been dealt with. */
function sortingElement(group: SymmetryGroup, params: NdArrays): GroupElement {
  const { architecture } = group;
  const signed = new Set(spacesWith(group, 'sign'));
  const ordered = spacesWith(group, 'permutation');
  let marks = new Marks([...layoutOf(architecture).leaves.values()]);
  let found = signatures(architecture, params, { signed });
  for (let tries = 0; tries < LIMIT; tries++) {
    const keys = keysOf(found);
    const ties = tiesOf(ordered, keys, true);
    if (ties.length === 0) break;
    const positive = act(architecture, signElement(signed, found), params);
    const twins = ties.map((tie) => ({ leaf: tie.leaf, groups: twinsOf(architecture, positive, tie, CLOSE) }));
    if (twins.some(({ groups }) => groups.length > 0)) {
      twins.forEach(({ leaf, groups }) => groups.forEach((neurons) => marks.rank(leaf, neurons)));
    } else {
      const least = ({ leaf, neurons }: Tie) => keys.get(leaf)![neurons[0]!]!;
      const same = ties.filter(({ leaf }) => leaf === ties[0]!.leaf).sort((a, b) => least(a) - least(b));
      marks = marks.with(same[0]!.leaf, same[0]!.neurons[0]!);
    }
    found = deepSignatures(architecture, params, { signed, marks: marks.numbers });
  }
  return arrange(ordered, signed, found);
}

/** Scaled neurons that are exchangeable agree to rounding. */
const CLOSE = 1e-6;

/** A neuron's signature under the sign that has the larger one. */
export const keysOf = ({ plus, minus }: Signatures): NeuronNumbers =>
  new Map(
    [...plus].map(([leaf, own]) => {
      const other = minus.get(leaf);
      return [leaf, other ? own.map((key, q) => Math.max(key, other[q]!)) : own] as const;
    }),
  );

const signOf = ({ plus, minus }: Signatures, leaf: LeafSpace, q: number): number =>
  minus.get(leaf)![q]! > plus.get(leaf)![q]! ? -1 : 1;

/** The signs that have the larger signatures, in the order that there is. */
export const signElement = (signed: Iterable<LeafSpace>, found: Signatures): GroupElement =>
  Object.fromEntries(
    [...signed].map((leaf) => [
      leaf.name,
      {
        permutation: Int32Array.from({ length: leaf.total }, (_, q) => q % leaf.size),
        sign: Int8Array.from({ length: leaf.total }, (_, q) => signOf(found, leaf, q)),
      },
    ]),
  );

function arrange(ordered: readonly LeafSpace[], signed: ReadonlySet<LeafSpace>, found: Signatures): GroupElement {
  const keys = keysOf(found);
  const element: Record<string, SpaceElement> = {};
  for (const leaf of new Set([...ordered, ...signed])) {
    const own = ordered.includes(leaf) ? keys.get(leaf)! : undefined;
    const outer = leaf.parent && flatOrder(leaf.parent, element);
    const permutation = new Int32Array(leaf.total);
    const sign = new Int8Array(leaf.total);
    for (let p = 0; p < leaf.instances; p++) {
      const old = (outer?.[p] ?? p) * leaf.size;
      const order = Array.from({ length: leaf.size }, (_, i) => i);
      if (own) order.sort((a, b) => own[old + a]! - own[old + b]!);
      permutation.set(order, p * leaf.size);
      if (signed.has(leaf)) order.forEach((from, i) => (sign[p * leaf.size + i] = signOf(found, leaf, old + from)));
    }
    element[leaf.name] = { permutation, ...(signed.has(leaf) && { sign }) };
  }
  return element;
}
