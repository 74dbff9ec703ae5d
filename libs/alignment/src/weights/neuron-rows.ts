/** @file All numbers that a neuron has a part in, as one row. */
import type { NdArrays } from '@weightspace/compute';
import type { AxisRange, LeafSpace, ParameterLayout, Slot } from '@weightspace/symmetry';

/**
 * What a neuron's sign and phase do to a number: `own` ones change with the sign, `read` ones with the sign and with odd
 * shifts, `listed` ones with neither.
 */
export type Part = 'own' | 'read' | 'listed';
export const parts: readonly Part[] = ['own', 'read', 'listed'];

/** A leaf on one axis of a parameter. */
interface Term {
  readonly layout: ParameterLayout;
  readonly index: number;
  readonly slot: Slot;
  readonly columns: Columns;
  readonly part: Part;
}

interface Columns {
  /** By position in the range: −1 where the slot's leaf isn't, or isn't innermost. */
  readonly at: Int32Array;
  readonly count: number;
}

/**
 * The rows of a leaf's neurons, over the numbers that they have a part in and no neuron within them has.
 *
 * Everything that isn't of the leaf or of what it is within is taken in the order that it has now.
 */
export class NeuronRows {
  readonly leaf: LeafSpace;
  readonly #terms: readonly Term[];
  readonly #widths: Record<Part, number> = { own: 0, read: 0, listed: 0 };

  /** @param without a parameter that is dealt with elsewhere */
  constructor(parameters: readonly ParameterLayout[], leaf: LeafSpace, without?: string) {
    this.leaf = leaf;
    this.#terms = parameters.filter(({ parameter }) => parameter.name !== without).flatMap((p) => termsOf(p, leaf));
    for (const term of this.#terms) this.#widths[term.part] += widthOf(term);
  }

  width(part: Part): number {
    return this.#widths[part];
  }

  /** @param into overwritten; shape `[total, width(part)]` */
  fill(part: Part, params: NdArrays, into: Float32Array): void {
    let offset = 0;
    for (const term of this.#terms) {
      if (term.part !== part) continue;
      fillTerm(term, params, into, this.#widths[part], offset);
      offset += widthOf(term);
    }
  }
}

function termsOf(layout: ParameterLayout, leaf: LeafSpace): Term[] {
  return layout.ranges.flatMap((range, index) =>
    range.slots
      .filter((slot) => slot.leaf === leaf)
      .flatMap((slot) => {
        const columns = columnsOf(range, slot);
        const part = slot.role === 'out' ? 'own' : slot.role === 'in' ? 'read' : 'listed';
        return columns ? [{ layout, index, slot, columns, part } as const] : [];
      }),
  );
}

const around = ({ ranges }: ParameterLayout, index: number): readonly [outer: number, size: number, inner: number] => [
  ranges.slice(0, index).reduce((n, { size }) => n * size, 1),
  ranges[index]!.size,
  ranges.slice(index + 1).reduce((n, { size }) => n * size, 1),
];

function widthOf({ layout, index, columns }: Term): number {
  const [outer, , inner] = around(layout, index);
  return columns.count * outer * inner;
}

/** Positions that differ in nothing but the leaf and what it is within are in one column. */
function columnsOf({ size, slots }: AxisRange, slot: Slot): Columns | undefined {
  const ancestors = ancestorsOf(slot.leaf);
  const chain = slots.filter((own) => own === slot || ancestors.includes(own.leaf));
  const inner = slots.filter((own) => own.leaf.free && ancestorsOf(own.leaf).includes(slot.leaf));
  const numbers = new Map<number, number>();
  const at = new Int32Array(size).fill(-1);
  for (let x = 0; x < size; x++) {
    if (slot.neurons[x]! < 0 || inner.some(({ neurons }) => neurons[x]! >= 0)) continue;
    let start = x;
    for (const { leaf, neurons, strides } of chain) {
      if (neurons[x]! >= 0) start -= strides[x]! * (neurons[x]! % leaf.size);
    }
    if (!numbers.has(start)) numbers.set(start, numbers.size);
    at[x] = numbers.get(start)!;
  }
  return numbers.size === 0 ? undefined : { at, count: numbers.size };
}

function ancestorsOf({ parent }: LeafSpace): LeafSpace[] {
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)];
}

function fillTerm(term: Term, params: NdArrays, rows: Float32Array, width: number, offset: number): void {
  const { layout, index, slot, columns } = term;
  const { data } = params[layout.parameter.name]!;
  const [outer, size, inner] = around(layout, index);
  for (let x = 0; x < size; x++) {
    if (columns.at[x]! < 0) continue;
    let to = slot.neurons[x]! * width + offset + columns.at[x]! * outer * inner;
    for (let o = 0; o < outer; o++) {
      const from = (o * size + x) * inner;
      for (let i = 0; i < inner; i++) rows[to++] = data[from + i]!;
    }
  }
}
