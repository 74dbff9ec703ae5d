/** @file A number for every neuron that says what it does, whatever the order of the others. */
import type { LabelledNetwork } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';

import { layoutOf } from '../layout/layout.ts';
import type { AxisRange, LeafSpace, ParameterLayout, Slot } from '../layout/layout.ts';

/** By space, numbered over all instances. */
export type NeuronNumbers = ReadonlyMap<LeafSpace, Float64Array>;

export interface Signatures {
  readonly plus: NeuronNumbers;
  /** Of the spaces with signs: the signatures that the neurons would have if their sign were the other one. */
  readonly minus: NeuronNumbers;
}

export interface SignatureOptions {
  /** Spaces whose neurons have no sign of their own. */
  readonly signed?: ReadonlySet<LeafSpace>;
  /** Added to signatures: tells neurons apart that would be alike. */
  readonly marks?: NeuronNumbers;
  readonly rounds?: number;
}

/**
 * Signatures of the neurons of one network: c(n) = 1/√k Σ u · sin(v/r + Σ w·c) over the k numbers v that n has a part in,
 * summed with the signatures c of all the neurons that the number belongs to; in rounds, from the same c for all.
 *
 * Fixed spaces have a constant for each place; r is a parameter's root mean square; u, w and the phases are fixed numbers
 * that differ from parameter to parameter and axis to axis. Where a space has signs, a number counts with each of them.
 *
 * Symmetry: invariant to the order of the neurons (each keeps its signature), to rounding; small changes of parameters
 * make small changes of signatures. Neurons that can be exchanged have equal ones, others generically different ones.
 * Source: colour refinement, Weisfeiler and Leman 1968. Departs: real colours, by random features instead of a table.
 */
export function signatures(network: LabelledNetwork, params: NdArrays, options: SignatureOptions = {}): Signatures {
  const { signed = new Set(), marks, rounds = 3 } = options;
  const { leaves, parameters } = layoutOf(network);
  const start = startingColours([...leaves.values()], signed, marks);
  let colours = start;
  const terms = parameters.map((layout) => new ParameterTerm(layout, params, signed));
  for (let round = 0; round < rounds; round++) {
    const sums = new Sums(
      [...leaves.values()].filter(({ free }) => free),
      signed,
    );
    for (const term of terms) term.addTo(sums, colours);
    const { plus, minus } = sums.colours(marks);
    colours = { plus: new Map([...start.plus, ...plus]), minus };
  }
  return colours;
}

function startingColours(
  leaves: readonly LeafSpace[],
  signed: ReadonlySet<LeafSpace>,
  marks: NeuronNumbers | undefined,
): Signatures {
  const start = (leaf: LeafSpace): Float64Array => {
    const constant = fraction(leaf.name);
    if (!leaf.free) return Float64Array.from({ length: leaf.size }, (_, i) => fraction(`${leaf.name} ${i}`));
    return Float64Array.from({ length: leaf.total }, (_, q) => constant + (marks?.get(leaf)?.[q] ?? 0));
  };
  const all = leaves.map((leaf) => [leaf, start(leaf)] as const);
  return { plus: new Map(all), minus: new Map(all.filter(([leaf]) => signed.has(leaf))) };
}

/** In [0, 1), the same for the same text. */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** What is added up for each neuron in one round. */
class Sums {
  readonly plus = new Map<LeafSpace, Float64Array>();
  readonly minus = new Map<LeafSpace, Float64Array>();
  readonly #counts = new Map<LeafSpace, Float64Array>();

  constructor(leaves: readonly LeafSpace[], signed: ReadonlySet<LeafSpace>) {
    for (const leaf of leaves) {
      this.plus.set(leaf, new Float64Array(leaf.total));
      this.#counts.set(leaf, new Float64Array(leaf.total));
      if (signed.has(leaf)) this.minus.set(leaf, new Float64Array(leaf.total));
    }
  }

  /** @param side which of the neuron's signs the sum is for; both where it counts whatever its sign */
  add(leaf: LeafSpace, neuron: number, side: 'plus' | 'minus' | 'both', sum: number, count: number): void {
    if (side !== 'minus') {
      this.plus.get(leaf)![neuron]! += sum;
      this.#counts.get(leaf)![neuron]! += count;
    }
    if (side !== 'plus') this.minus.get(leaf)![neuron]! += sum;
  }

  colours(marks: NeuronNumbers | undefined): Signatures {
    const scaled = (leaf: LeafSpace, sums: Float64Array) =>
      sums.map((sum, q) => sum / Math.sqrt(Math.max(1, this.#counts.get(leaf)![q]!)) + (marks?.get(leaf)?.[q] ?? 0));
    const plus = new Map([...this.plus].map(([leaf, sums]) => [leaf, scaled(leaf, sums)] as const));
    const minus = new Map([...this.minus].map(([leaf, sums]) => [leaf, scaled(leaf, sums)] as const));
    return { plus, minus };
  }
}

/** The positions of a range, each once for every choice of its neurons' signs. */
interface SignedRange {
  readonly range: AxisRange;
  readonly stride: number;
  readonly signedSlots: readonly Slot[];
  readonly weights: readonly (readonly [inside: number, outside: number])[];
  readonly at: Int32Array;
  /** Bits: which of the signed slots are negative. */
  readonly choice: Int32Array;
  readonly sign: Float64Array;
  readonly phase: Float64Array;
  readonly sums: Float64Array;
}

/** One parameter's share in the sums of one round. */
class ParameterTerm {
  readonly #data: ArrayLike<number>;
  readonly #gain: number;
  readonly #phase: number;
  readonly #ranges: readonly SignedRange[];
  readonly #signed: ReadonlySet<LeafSpace>;
  readonly #size: number;

  constructor({ parameter, ranges }: ParameterLayout, params: NdArrays, signed: ReadonlySet<LeafSpace>) {
    this.#data = params[parameter.name]!.data;
    this.#signed = signed;
    this.#size = this.#data.length;
    const size = rootMeanSquare(this.#data);
    this.#gain = size > 0 && Number.isFinite(size) ? 1 / size : 1;
    this.#phase = 6 * fraction(`parameter ${parameter.name}`);
    let stride = 1;
    const expanded = ranges.toReversed().map((range) => {
      const own = expand(range, stride, signed, parameter.name);
      stride *= range.size;
      return own;
    });
    this.#ranges = expanded.toReversed();
  }

  addTo(sums: Sums, colours: Signatures): void {
    for (const range of this.#ranges) setPhases(range, colours);
    this.#sum(0, 0, this.#gain, this.#phase);
    for (const { range, signedSlots, weights, at, choice, sums: own } of this.#ranges) {
      const count = this.#size / range.size;
      range.slots.forEach((slot, s) => {
        if (!slot.leaf.free) return;
        const bit = signedSlots.indexOf(slot);
        for (let j = 0; j < at.length; j++) {
          const q = slot.neurons[at[j]!]!;
          if (q < 0) continue;
          const signless = this.#signed.has(slot.leaf) ? 'both' : 'plus';
          const side = bit < 0 ? signless : (choice[j]! >> bit) & 1 ? 'minus' : 'plus';
          sums.add(slot.leaf, q, side, weights[s]![1] * own[j]!, count);
        }
      });
    }
  }

  /** Sums over the axes from `depth` on, and on the way of every position. */
  #sum(depth: number, from: number, gain: number, outer: number): number {
    const range = this.#ranges[depth];
    if (range === undefined) return Math.sin(gain * this.#data[from]! + outer);
    const { at, sign, phase, sums, stride } = range;
    const last = depth === this.#ranges.length - 1;
    let total = 0;
    for (let j = 0; j < at.length; j++) {
      const here = from + at[j]! * stride;
      const part = last
        ? Math.sin(gain * sign[j]! * this.#data[here]! + outer + phase[j]!)
        : this.#sum(depth + 1, here, gain * sign[j]!, outer + phase[j]!);
      sums[j]! += part;
      total += part;
    }
    return total;
  }
}

function rootMeanSquare(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! ** 2;
  return Math.sqrt(sum / Math.max(1, data.length));
}

function expand(range: AxisRange, stride: number, signed: ReadonlySet<LeafSpace>, parameter: string): SignedRange {
  const signedSlots = range.slots.filter(({ leaf, role }) => signed.has(leaf) && role !== 'index');
  const [at, choice, sign]: [number[], number[], number[]] = [[], [], []];
  for (let x = 0; x < range.size; x++) {
    for (let bits = 0; bits < 1 << signedSlots.length; bits++) {
      const negative = signedSlots.filter((_, bit) => (bits >> bit) & 1);
      if (negative.some(({ neurons }) => neurons[x]! < 0)) continue;
      at.push(x);
      choice.push(bits);
      sign.push(negative.length % 2 === 0 ? 1 : -1);
    }
  }
  const weights = range.slots.map(({ leaf, axis }, s) => {
    const key = `${parameter} ${axis} ${s} ${leaf.name}`;
    return [1 + fraction(`in ${key}`), 1 + fraction(`out ${key}`)] as const;
  });
  return {
    range,
    stride,
    signedSlots,
    weights,
    at: Int32Array.from(at),
    choice: Int32Array.from(choice),
    sign: Float64Array.from(sign),
    phase: new Float64Array(at.length),
    sums: new Float64Array(at.length),
  };
}

/** The part of each position in the phase of the sine: its segment, and the colours of its neurons. */
function setPhases(own: SignedRange, { plus, minus }: Signatures): void {
  const { range, signedSlots, weights, at, choice, phase, sums } = own;
  sums.fill(0);
  for (let j = 0; j < at.length; j++) phase[j] = 2 * range.segments[at[j]!]!;
  range.slots.forEach((slot, s) => {
    const bit = signedSlots.indexOf(slot);
    const [positive, negative] = [plus.get(slot.leaf)!, minus.get(slot.leaf)];
    for (let j = 0; j < at.length; j++) {
      const q = slot.neurons[at[j]!]!;
      if (q < 0) continue;
      const either = bit < 0 && negative ? (positive[q]! + negative[q]!) / 2 : positive[q]!;
      phase[j]! += weights[s]![0] * (bit >= 0 && (choice[j]! >> bit) & 1 ? negative![q]! : either);
    }
  });
}
