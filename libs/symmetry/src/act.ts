/** @file What an element does to parameters: on arrays, in double precision. */
import { checkSingle, checkStacked } from '@weightspace/architecture';
import type { LabelledNetwork } from '@weightspace/architecture';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { checkElement } from './check-element.ts';
import type { GroupElement } from './element.ts';
import { layoutOf } from './layout/layout.ts';
import type { AxisRange, ParameterLayout } from './layout/layout.ts';
import { SymmetryError } from './symmetry-error.ts';

/**
 * The parameters of an equivalent network: the same function, another point of weight space.
 *
 *     W'[i,j] = pre[i] · W[p(i), q(j)] / post[j]        b'[i] = pre[i] · b[p(i)] + shift[i] · π/ω
 *     pre = sign · scale        post = sign · scale · (−1)^shift
 *
 * On an axis of several spaces p takes the place of each of them; factors are multiplied. Whole numbers are moved as they
 * are: an order acting on the numbers 0, 1, 2, … of a parameter's places gives where each of them comes from.
 *
 * @param network an architecture, or any labelled network
 * @param g one element, or, for stacked parameters, one for each network
 * @param params by name; `[…shape]` of one network, or `[N, …shape]`; what isn't a parameter of the network is left out
 * @returns new arrays; computed in double precision and rounded once
 * @throws {SymmetryError} when an element doesn't fit the network, or has a symmetry that a space hasn't
 * @throws {ParameterError | ShapeError} when the parameters don't fit
 * Source: permutations Hecht-Nielsen 1990; phase: sin(z + kπ) = (−1)ᵏ sin z.
 */
export function act(network: LabelledNetwork, g: GroupElement | readonly GroupElement[], params: NdArrays): NdArrays {
  const count = countOf(network, params);
  const elements: readonly GroupElement[] = Array.isArray(g) ? g : [g as GroupElement];
  if (Array.isArray(g) && g.length !== count) {
    throw new SymmetryError('act', `g must hold one element per network, got ${g.length} for ${count}`);
  }
  elements.forEach((element) => checkElement('act', network, element));
  return Object.fromEntries(
    layoutOf(network).parameters.map((layout) => {
      const { name } = layout.parameter;
      return [name, moved(layout, elements, params[name]!, count)];
    }),
  );
}

/** Checks the parameters; 1 for those of a single network, which have no axis for it. */
function countOf(network: LabelledNetwork, params: NdArrays): number {
  const [first] = network.parameters;
  const stacked = first !== undefined && params[first.name]?.shape.length === first.shape.length + 1;
  if (stacked) return checkStacked('act', network, params);
  checkSingle('act', network, params);
  return 1;
}

function moved(layout: ParameterLayout, elements: readonly GroupElement[], old: NdArray, count: number): NdArray {
  const data = old.data.slice() as typeof old.data;
  const size = count === 0 ? 0 : data.length / count;
  let moves: readonly AxisMove[] = [];
  for (let n = 0; n < count; n++) {
    if (n < elements.length) moves = movesOf(layout, elements[n]!);
    const exact = moves.every(({ factor, added }) => factor === undefined && added === undefined);
    if (old.dtype !== 'float32' && !exact) {
      const message = `'${layout.parameter.name}' must be float32 where signs, shifts or scales change it, got ${old.dtype}`;
      throw new SymmetryError('act', message);
    }
    fill(data, old.data, moves, 0, n * size, n * size, 1, 0);
  }
  return { ...old, data } as NdArray;
}

/** Of one range of axes: where each position comes from, its factor, and what is added. What is absent stays. */
export interface AxisMove {
  readonly size: number;
  /** Numbers of the parameter from one position to the next. */
  readonly stride: number;
  readonly source: Int32Array | undefined;
  readonly factor: Float64Array | undefined;
  readonly added: Float64Array | undefined;
}

/** Inner axes are merged up to this many positions, so that the innermost loop is long. */
const LONG = 1 << 15;

/** The moves of a parameter's ranges, outermost first, merged where that makes them fewer. */
function movesOf({ parameter, ranges }: ParameterLayout, g: GroupElement): AxisMove[] {
  const halfPeriods = parameter.kind === 'bias';
  const moves: AxisMove[] = [];
  let stride = 1;
  for (const range of ranges.toReversed()) {
    const move = rangeMove(range, g, stride, halfPeriods);
    stride *= range.size;
    const inner = moves[0];
    if (inner && (fixed(inner) ? fixed(move) : inner.size * move.size <= LONG)) moves[0] = merged(move, inner);
    else moves.unshift(move);
  }
  return moves;
}

const fixed = ({ source, factor, added }: AxisMove): boolean => !source && !factor && !added;

/** What g does to the positions of a range; @param stride of its last axis; @param bias whether shifts are added */
export function rangeMove({ size, slots }: AxisRange, g: GroupElement, stride: number, bias: boolean): AxisMove {
  let [source, factor, added]: [Int32Array?, Float64Array?, Float64Array?] = [];
  for (const { leaf, role, neurons, strides } of slots) {
    const own = g[leaf.name];
    if (own === undefined) continue;
    const { permutation, sign, shift, scale } = own;
    source ??= Int32Array.from({ length: size }, (_, x) => x);
    for (let x = 0; x < size; x++) {
      const q = neurons[x]!;
      if (q >= 0) source[x]! += strides[x]! * (permutation[q]! - (q % leaf.size));
    }
    if (role === 'index' || !(sign || shift || scale)) continue;
    factor ??= new Float64Array(size).fill(1);
    for (let x = 0; x < size; x++) {
      const q = neurons[x]!;
      if (q < 0) continue;
      const pre = (sign?.[q] ?? 1) * (scale?.[q] ?? 1);
      if (role === 'out') factor[x]! *= pre;
      else factor[x]! /= (shift?.[q] ?? 0) % 2 === 0 ? pre : -pre;
    }
    if (!shift || !bias || role !== 'out') continue;
    added ??= new Float64Array(size);
    for (let x = 0; x < size; x++) {
      const q = neurons[x]!;
      if (q >= 0) added[x]! += shift[q]! * (leaf.space.symmetries.phase ?? 0);
    }
  }
  return { size, stride, source, factor, added };
}

/** Two ranges as one. */
function merged(outer: AxisMove, inner: AxisMove): AxisMove {
  const size = outer.size * inner.size;
  if (fixed(outer) && fixed(inner)) return { ...inner, size };
  const [source, factor] = [new Int32Array(size), new Float64Array(size)];
  const added = outer.added || inner.added ? new Float64Array(size) : undefined;
  for (let x = 0, i = 0; x < outer.size; x++) {
    const start = (outer.source?.[x] ?? x) * inner.size;
    for (let y = 0; y < inner.size; y++, i++) {
      source[i] = start + (inner.source?.[y] ?? y);
      factor[i] = (outer.factor?.[x] ?? 1) * (inner.factor?.[y] ?? 1);
      if (added) added[i] = (outer.added?.[x] ?? 0) + (inner.added?.[y] ?? 0);
    }
  }
  const plain = !outer.factor && !inner.factor;
  return { size, stride: inner.stride, source, factor: plain ? undefined : factor, added };
}

type Numbers = NdArray['data'];

/** Writes to[at …] from the axes `depth`, …: recursion over outer axes, a loop over the last. */
function fill(
  to: Numbers,
  old: Numbers,
  moves: readonly AxisMove[],
  depth: number,
  at: number,
  from: number,
  factor: number,
  added: number,
): void {
  const move = moves[depth];
  if (move === undefined) {
    to[at] = factor * old[from]! + added;
  } else if (depth < moves.length - 1) {
    for (let x = 0; x < move.size; x++) {
      const next = from + (move.source?.[x] ?? x) * move.stride;
      const [f, a] = [factor * (move.factor?.[x] ?? 1), added + (move.added?.[x] ?? 0)];
      fill(to, old, moves, depth + 1, at + x * move.stride, next, f, a);
    }
  } else if (factor === 1 && added === 0 && fixed(move)) {
    to.set(old.subarray(from, from + move.size), at);
  } else {
    fillLast(to, old, move, at, from, factor, added);
  }
}

function fillLast(
  to: Numbers,
  old: Numbers,
  { size, source, factor, added }: AxisMove,
  at: number,
  from: number,
  outer: number,
  base: number,
): void {
  if (source && !factor && !added && outer === 1 && base === 0) {
    for (let x = 0; x < size; x++) to[at + x] = old[from + source[x]!]!;
    return;
  }
  for (let x = 0; x < size; x++) {
    to[at + x] = outer * (factor?.[x] ?? 1) * old[from + (source?.[x] ?? x)]! + base + (added?.[x] ?? 0);
  }
}
