/** @file How well each neuron of one network fits in the place of each neuron of another one. */
import type { NdArrays } from '@weightspace/compute';
import type { LeafSpace, ParameterLayout } from '@weightspace/symmetry';

import { biasesOf } from './family.ts';
import type { Family, NeuronBiases } from './family.ts';
import { NeuronRows, parts } from './neuron-rows.ts';
import type { Part } from './neuron-rows.ts';
import type { RowProducts } from './row-products.ts';

/** With which sign and shift a neuron fits best. */
export interface Choice {
  sign: number;
  shift: number;
  value: number;
}

/**
 * What it is worth to put the old neuron q′ in the place of the neuron q of the reference, under the best sign s and
 * shift k that the group has for it:
 *
 *     s · own[q,q′] + s (−1)ᵏ · read[q,q′] + listed[q,q′] − ½ (a[q] − s b[q′] − kδ)² + ½ (a[q]² + b[q′]²)
 *
 * own, read and listed are products of the neurons' rows, a and b their biases and δ the half period; without phases the
 * bias is among the own numbers. For each parity of k the best shift is the nearest one, so the best of all is found.
 *
 * Source: Ainsworth et al. 2023, arXiv:2209.04836, section 3.2, for s = 1, k = 0. Departs: signs and phases.
 */
export class PairFit {
  readonly leaf: LeafSpace;
  /** By pair, `[total, total]`. */
  readonly values: Float64Array;
  readonly #rows: NeuronRows;
  readonly #signed: boolean;
  readonly #biases: NeuronBiases | undefined;
  readonly #reference: Record<Part, Float32Array>;
  readonly #other: Record<Part, Float32Array>;
  readonly #products: Record<Part, Float64Array>;
  #a: ArrayLike<number> = [];
  #b: ArrayLike<number> = [];

  constructor({ leaf, signed, phased, children }: Family, parameters: readonly ParameterLayout[]) {
    this.leaf = leaf;
    // The sign of a neuron that others are within would be theirs, too: it is chosen in a step of its own.
    this.#signed = signed && children.length === 0;
    this.#biases = phased ? biasesOf(parameters, leaf) : undefined;
    this.#rows = new NeuronRows(parameters, leaf, this.#biases?.parameter);
    const buffers = () => byPart((part) => new Float32Array(leaf.total * this.#rows.width(part)));
    [this.#reference, this.#other] = [buffers(), buffers()];
    this.#products = byPart(() => new Float64Array(leaf.total ** 2));
    this.values = new Float64Array(leaf.total ** 2);
  }

  refer(reference: NdArrays): void {
    for (const part of parts) this.#rows.fill(part, reference, this.#reference[part]);
    if (this.#biases) this.#a = reference[this.#biases.parameter]!.data;
  }

  async measure(params: NdArrays, products: RowProducts): Promise<void> {
    const { total } = this.leaf;
    for (const part of parts) {
      const [width, sums] = [this.#rows.width(part), this.#products[part]];
      this.#rows.fill(part, params, this.#other[part]);
      sums.fill(0);
      await products.add(this.#reference[part], this.#other[part], total, width, sums);
    }
    if (this.#biases) this.#b = params[this.#biases.parameter]!.data;
    this.#evaluate();
  }

  /** The best sign and shift for the old neuron `from` in the place of q. */
  choose(q: number, from: number): Choice {
    const at = q * this.leaf.total + from;
    const [own, read, listed] = parts.map((part) => this.#products[part][at]!) as [number, number, number];
    const best: Choice = { sign: 1, shift: 0, value: -Infinity };
    for (const sign of this.#signed ? [1, -1] : [1]) {
      for (const odd of this.#biases ? [0, 1] : [0]) {
        const shift = this.#biases ? this.#shift(q, from, sign, odd) : 0;
        const value = sign * (own + (odd === 1 ? -read : read)) + listed + this.#biasValue(q, from, sign, shift);
        if (value > best.value) Object.assign(best, { sign, shift, value });
      }
    }
    return best;
  }

  #evaluate(): void {
    const { own, read, listed } = this.#products;
    if (this.#biases) return this.#evaluatePhased();
    for (let at = 0; at < this.values.length; at++) {
      const sum = own[at]! + read[at]!;
      this.values[at] = (this.#signed ? Math.abs(sum) : sum) + listed[at]!;
    }
  }

  /** As `choose`, for all pairs: the nearest whole number is the best shift of its parity, its neighbour that of the other. */
  #evaluatePhased(): void {
    const { own, read, listed } = this.#products;
    const { total, space } = this.leaf;
    const period = space.symmetries.phase!;
    const half = (period * period) / 2;
    const places = this.#biases!.places;
    const old = Float64Array.from(places, (place) => this.#b[place]!);
    for (let q = 0, at = 0; q < total; q++) {
      const a = this.#a[places[q]!]!;
      for (let from = 0; from < total; from++, at++) {
        const b = old[from]!;
        const [both, apart] = [own[at]! + read[at]!, own[at]! - read[at]!];
        let best = bestParity((a - b) / period, both, apart, half);
        if (this.#signed) best = Math.max(best, bestParity((a + b) / period, -both, -apart, half));
        this.values[at] = best + listed[at]! + (a * a + b * b) / 2;
      }
    }
  }

  /** The whole number of a parity by which the bias comes nearest. */
  #shift(q: number, from: number, sign: number, odd: number): number {
    const gap = this.#a[this.#biases!.places[q]!]! - sign * this.#b[this.#biases!.places[from]!]!;
    return 2 * Math.round((gap / this.leaf.space.symmetries.phase! - odd) / 2) + odd;
  }

  #biasValue(q: number, from: number, sign: number, shift: number): number {
    if (!this.#biases) return 0;
    const [a, b] = [this.#a[this.#biases.places[q]!]!, this.#b[this.#biases.places[from]!]!];
    const left = a - sign * b - shift * this.leaf.space.symmetries.phase!;
    return (a * a + b * b - left * left) / 2;
  }

  /** Whether its signs, and its phases, are chosen here. */
  get chooses(): { readonly signs: boolean; readonly phases: boolean } {
    return { signs: this.#signed, phases: this.#biases !== undefined };
  }
}

/** @param gap between biases in half periods @param even products with an even shift @param odd with an odd one */
function bestParity(gap: number, even: number, odd: number, half: number): number {
  const nearest = Math.round(gap);
  const left = Math.abs(gap - nearest);
  const [near, far] = nearest % 2 === 0 ? [even, odd] : [odd, even];
  return Math.max(near - half * left * left, far - half * (1 - left) * (1 - left));
}

const byPart = <T>(make: (part: Part) => T): Record<Part, T> => ({
  own: make('own'),
  read: make('read'),
  listed: make('listed'),
});
