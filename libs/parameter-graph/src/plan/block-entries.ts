/** @file All numbers of one block of a parameter: between which nodes each lies. */
import type { Factor, ParameterBlock } from './parameter-blocks.ts';

/** Contributions of each position of an axis (or of several, flattened), which add up over the axes. */
interface Positions {
  readonly length: number;
  readonly source: Int32Array;
  readonly target: Int32Array;
  readonly place: Int32Array;
  /** Flat index within the parameter. */
  readonly offset: Int32Array;
  /** The position with all places 0, as an index into these arrays. */
  readonly base: Int32Array;
}

export interface FillArrays {
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** The bits of the values. */
  readonly values: Int32Array;
  readonly slots: Int32Array;
  readonly places: Int32Array;
}

/** Where the block's edges, values, nodes and slots begin. */
export interface FillStart {
  readonly edge: number;
  readonly value: number;
  readonly source: number;
  readonly target: number;
  readonly slot: number;
}

/** The numbers of a block in the order of storage: the first axis outside, all others flattened inside. */
export class BlockEntries {
  readonly #outer: Positions;
  readonly #inner: Positions;

  /** @param read which factors number the nodes that edges come from */
  constructor(block: ParameterBlock, read: readonly Factor[]) {
    const { shape } = block.parameter;
    const axes = block.ranges.map((range, axis) => {
      const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
      return positionsOf(block, axis, range, stride, read);
    });
    const [first = EMPTY, ...rest] = axes;
    this.#outer = first;
    this.#inner = rest.reduce(combine, EMPTY);
  }

  /** One edge for each number. */
  fillEdges(into: FillArrays, from: Int32Array, at: FillStart): void {
    const [outer, inner] = [this.#outer, this.#inner];
    const { source, target, values, slots, places } = into;
    const { length, source: s, target: t, place: p, offset: o } = inner;
    let [edge, value] = [at.edge, at.value];
    for (let i = 0; i < outer.length; i++) {
      const [si, ti] = [at.source + outer.source[i]!, at.target + outer.target[i]!];
      const [pi, oi] = [outer.place[i]!, outer.offset[i]!];
      for (let j = 0; j < length; j++, edge++, value++) {
        const offset = oi + o[j]!;
        source[edge] = si + s[j]!;
        target[edge] = ti + t[j]!;
        places[value] = pi + p[j]!;
        values[value] = from[offset]!;
        slots[value] = at.slot + offset;
      }
    }
  }

  /** One edge for each pair of nodes, with `width` numbers. */
  fillFolded(into: FillArrays, from: Int32Array, at: FillStart, width: number): void {
    const [outer, inner] = [this.#outer, this.#inner];
    const [rows, columns] = [ranksOf(outer), ranksOf(inner)];
    for (let i = 0; i < outer.length; i++) {
      const row = rows.rank[outer.base[i]!]! * columns.count;
      for (let j = 0; j < inner.length; j++) {
        const pair = row + columns.rank[inner.base[j]!]!;
        const place = outer.place[i]! + inner.place[j]!;
        const value = at.value + pair * width + place;
        const offset = outer.offset[i]! + inner.offset[j]!;
        into.source[at.edge + pair] = at.source + outer.source[i]! + inner.source[j]!;
        into.target[at.edge + pair] = at.target + outer.target[i]! + inner.target[j]!;
        into.places[value] = place;
        into.values[value] = from[offset]!;
        into.slots[value] = at.slot + offset;
      }
    }
  }

  /** Calls back with the target node, the place and the flat index within the parameter. */
  forEach(visit: (target: number, place: number, offset: number) => void): void {
    const [outer, inner] = [this.#outer, this.#inner];
    for (let i = 0; i < outer.length; i++) {
      for (let j = 0; j < inner.length; j++) {
        visit(
          outer.target[i]! + inner.target[j]!,
          outer.place[i]! + inner.place[j]!,
          outer.offset[i]! + inner.offset[j]!,
        );
      }
    }
  }
}

const zero = (): Int32Array => new Int32Array(1);
const EMPTY: Positions = { length: 1, source: zero(), target: zero(), place: zero(), offset: zero(), base: zero() };

function positionsOf(
  { places, target }: ParameterBlock,
  axis: number,
  { start, size }: { readonly start: number; readonly size: number },
  stride: number,
  read: readonly Factor[],
): Positions {
  const here = Int32Array.from({ length: size }, (_, i) => i);
  const base = here.slice();
  for (const factor of places) {
    if (factor.axis !== axis) continue;
    for (let i = 0; i < size; i++) base[i]! -= coordinate(factor, i) * factor.stride;
  }
  return {
    length: size,
    source: contribution(read, axis, size),
    target: contribution(target.factors, axis, size),
    place: contribution(places, axis, size),
    offset: here.map((i) => (start + i) * stride),
    base,
  };
}

const coordinate = ({ stride, space }: Factor, position: number): number => Math.floor(position / stride) % space.size;

/** What each position of an axis adds to the row-major index over the factors. */
function contribution(factors: readonly Factor[], axis: number, size: number): Int32Array {
  const result = new Int32Array(size);
  let weight = 1;
  for (const factor of factors.toReversed()) {
    if (factor.axis === axis) for (let i = 0; i < size; i++) result[i]! += weight * coordinate(factor, i);
    weight *= factor.space.size;
  }
  return result;
}

function combine(a: Positions, b: Positions): Positions {
  const length = a.length * b.length;
  const sum = (x: Int32Array, y: Int32Array, factor = 1) => {
    const result = new Int32Array(length);
    for (let i = 0, k = 0; i < a.length; i++) {
      for (let j = 0; j < b.length; j++, k++) result[k] = x[i]! * factor + y[j]!;
    }
    return result;
  };
  return {
    length,
    source: sum(a.source, b.source),
    target: sum(a.target, b.target),
    place: sum(a.place, b.place),
    offset: sum(a.offset, b.offset),
    base: sum(a.base, b.base, b.length),
  };
}

/** Positions whose places are all 0, numbered in order. */
function ranksOf({ length, place, base }: Positions): { readonly rank: Int32Array; readonly count: number } {
  const rank = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) if (place[i] === 0 && base[i] === i) rank[i] = count++;
  return { rank, count };
}
