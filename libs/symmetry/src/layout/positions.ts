import type { AxisRole } from '@weightspace/architecture';
import { sizeOf } from '@weightspace/compute';

import type { LeafSpace, Slot } from './layout.ts';
import { moves } from './parents.ts';
import type { ParentFinder, Place } from './parents.ts';
import type { Factor, Segment } from './segments.ts';

/** All positions of a range: what stands at each. */
export class Positions {
  readonly size: number;
  /** Filled in by `slots`. */
  readonly segments: Int32Array;
  readonly #from: number;
  readonly #sizes: readonly number[];
  /** Segments by axis; outside of the range there are none. */
  readonly #labels: readonly (readonly Segment[])[];
  readonly #finder: ParentFinder;

  constructor(
    shape: readonly number[],
    labels: readonly (readonly Segment[])[],
    from: number,
    to: number,
    finder: ParentFinder,
  ) {
    this.#from = from;
    this.#sizes = shape.slice(from, to);
    this.size = sizeOf(this.#sizes);
    this.segments = new Int32Array(this.size);
    this.#labels = labels.slice(0, to);
    this.#finder = finder;
  }

  slots(roles: readonly AxisRole[]): Slot[] {
    const slots = new Map<string, Slot>();
    const at = new Array<number>(this.#labels.length).fill(0);
    const segments = new Array<Segment | undefined>(this.#labels.length).fill(undefined);
    for (let x = 0; x < this.size; x++) {
      this.#locate(x, at, segments);
      for (let axis = this.#from; axis < at.length; axis++) {
        const inner = sizeOf(this.#sizes.slice(axis - this.#from + 1));
        const { factors } = segments[axis]!;
        this.segments[x] =
          this.segments[x]! * this.#labels[axis]!.length + this.#labels[axis]!.indexOf(segments[axis]!);
        for (let f = 0; f < factors.length; f++) {
          const slot = this.#slot(slots, axis, factors, f, roles[axis]!);
          slot.neurons[x] = this.#neuron({ axis, factor: f }, at, segments);
          slot.strides[x] = factors[f]!.stride * inner;
        }
      }
    }
    return [...slots.values()];
  }

  #locate(x: number, at: number[], segments: (Segment | undefined)[]): void {
    let rest = x;
    for (let axis = at.length - 1; axis >= this.#from; axis--) {
      const size = this.#sizes[axis - this.#from]!;
      const here = rest % size;
      rest = (rest - here) / size;
      at[axis] = here;
      segments[axis] = this.#labels[axis]!.find(({ offset, size: length }) => here >= offset && here < offset + length);
    }
  }

  /** The slot of a factor; the same space may stand twice in one product. */
  #slot(slots: Map<string, Slot>, axis: number, factors: readonly Factor[], f: number, role: AxisRole): Slot {
    const { leaf } = factors[f]!;
    let before = 0;
    for (let i = 0; i < f; i++) if (factors[i]!.leaf === leaf) before++;
    const key = `${axis} ${before} ${leaf.name}`;
    const found = slots.get(key);
    if (found) return found;
    const [neurons, strides] = [new Int32Array(this.size).fill(-1), new Int32Array(this.size)];
    const slot = { leaf, axis, role, neurons, strides };
    slots.set(key, slot);
    return slot;
  }

  #neuron(place: Place, at: readonly number[], segments: readonly (Segment | undefined)[]): number {
    const { leaf } = segments[place.axis]!.factors[place.factor]!;
    const own = this.#digit(place, at, segments);
    return moves(leaf) ? this.#instance(leaf, place, at, segments) * leaf.size + own : own;
  }

  #digit({ axis, factor }: Place, at: readonly number[], segments: readonly (Segment | undefined)[]): number {
    const segment = segments[axis]!;
    const { leaf, stride } = segment.factors[factor]!;
    return Math.floor((at[axis]! - segment.offset) / stride) % leaf.size;
  }

  #instance(leaf: LeafSpace, place: Place, at: readonly number[], segments: readonly (Segment | undefined)[]): number {
    const { parent } = leaf;
    if (parent === undefined || parent.total === 1) return 0;
    const found = this.#finder.find(parent, place, segments) ?? this.#finder.missing(leaf);
    return this.#instance(parent, found, at, segments) * parent.size + this.#digit(found, at, segments);
  }
}
