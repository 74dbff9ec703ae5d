/** @file Tells neurons apart by their signatures, and those apart that no signature can. */
import type { LabelledNetwork } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';

import { act } from '../act.ts';
import { layoutOf } from '../layout/layout.ts';
import type { LeafSpace } from '../layout/layout.ts';
import { signatures } from './signatures.ts';
import type { NeuronNumbers, SignatureOptions, Signatures } from './signatures.ts';

/** Signatures, which are of the size of 1, count as equal where they differ by less. */
export const TOLERANCE = 1e-10;

/** Neurons of one space that have one signature. */
export interface Tie {
  readonly leaf: LeafSpace;
  readonly neurons: readonly number[];
}

/** The neurons of these spaces that can't be told apart; @param inside only those of one instance count as alike */
export function tiesOf(leaves: readonly LeafSpace[], keys: NeuronNumbers, inside: boolean): Tie[] {
  return leaves.flatMap((leaf) => {
    const own = keys.get(leaf)!;
    const count = inside ? leaf.instances : 1;
    const length = leaf.total / count;
    return Array.from({ length: count }, (_, p) => {
      const order = Array.from({ length }, (__, i) => p * length + i).sort((a, b) => own[a]! - own[b]!);
      const groups: number[][] = [];
      order.forEach((q, i) => {
        if (i > 0 && own[q]! - own[order[i - 1]!]! < TOLERANCE) groups.at(-1)!.push(q);
        else groups.push([q]);
      });
      return groups.filter((group) => group.length > 1).map((neurons) => ({ leaf, neurons }));
    }).flat();
  });
}

/** More rounds than needed for generic parameters: as many as it takes to get from any space to any other. */
export const deepRounds = (network: LabelledNetwork): number => Math.min(12, 3 + network.spaces.length);

/**
 * Groups of neurons of a tie of which any two may change places without a change of the parameters.
 *
 * @param closeness how far numbers may be apart, as a share of each parameter's largest
 */
export function twinsOf(
  network: LabelledNetwork,
  params: NdArrays,
  { leaf, neurons }: Tie,
  closeness: number,
): number[][] {
  const { parameters } = layoutOf(network);
  const touched = parameters.filter(({ ranges }) => ranges.some(({ slots }) => slots.some((s) => s.leaf === leaf)));
  const part: LabelledNetwork = { ...network, parameters: touched.map(({ parameter }) => parameter) };
  const groups: number[][] = [];
  for (const q of neurons) {
    const own = groups.find(([first]) => isTwin(part, params, leaf, first!, q, closeness));
    if (own) own.push(q);
    else groups.push([q]);
  }
  return groups.filter((group) => group.length > 1);
}

function isTwin(
  part: LabelledNetwork,
  params: NdArrays,
  leaf: LeafSpace,
  a: number,
  b: number,
  closeness: number,
): boolean {
  if (Math.floor(a / leaf.size) !== Math.floor(b / leaf.size)) return false;
  const permutation = Int32Array.from({ length: leaf.total }, (_, q) => q % leaf.size);
  [permutation[a], permutation[b]] = [permutation[b]!, permutation[a]!];
  const own = Object.fromEntries(part.parameters.map(({ name }) => [name, params[name]!]));
  return sameParameters(act(part, { [leaf.name]: { permutation } }, own), own, closeness);
}

/** @param closeness how far numbers may be apart, as a share of each parameter's largest; 0 for the same numbers */
export const sameParameters = (a: NdArrays, b: NdArrays, closeness: number): boolean =>
  Object.entries(a).every(([name, { data }]) => {
    const other = b[name]!.data;
    let allowed = 0;
    if (closeness > 0) for (const value of data) allowed = Math.max(allowed, Math.abs(value));
    allowed *= closeness;
    return data.every((value, i) => value === other[i] || Math.abs(value - other[i]!) <= allowed);
  });

/** Marks that tell neurons apart which are alike. */
export class Marks {
  readonly #numbers: Map<LeafSpace, Float64Array>;
  #singles = 0;

  constructor(leaves: readonly LeafSpace[]) {
    this.#numbers = new Map(leaves.map((leaf) => [leaf, new Float64Array(leaf.total)]));
  }

  /** Numbers the neurons of a group of twins. */
  rank(leaf: LeafSpace, twins: readonly number[]): void {
    twins.forEach((q, rank) => (this.#numbers.get(leaf)![q]! += 1.37 * (rank + 1)));
  }

  /** A copy in which this neuron has a mark that no other one has. */
  with(leaf: LeafSpace, neuron: number): Marks {
    const copy = new Marks([]);
    this.#numbers.forEach((numbers, own) => copy.#numbers.set(own, numbers.slice()));
    copy.#singles = this.#singles + 1;
    // Far from all ranks; not a multiple of one another.
    copy.#numbers.get(leaf)![neuron]! += 97.31 * Math.sqrt(copy.#singles);
    return copy;
  }

  get numbers(): NeuronNumbers {
    return this.#numbers;
  }
}

/** Signatures after as many rounds as the ties need. */
export const deepSignatures = (network: LabelledNetwork, params: NdArrays, options: SignatureOptions): Signatures =>
  signatures(network, params, { ...options, rounds: deepRounds(network) });
