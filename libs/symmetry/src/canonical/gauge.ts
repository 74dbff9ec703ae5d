/** @file The one representative of scales and phases: balanced neurons, and biases within half a period. */
import type { AxisRole } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';

import { act } from '../act.ts';
import { compose } from '../element.ts';
import type { GroupElement } from '../element.ts';
import type { SymmetryGroup } from '../group.ts';
import { layoutOf } from '../layout/layout.ts';
import type { AxisRange, LeafSpace, ParameterLayout, Slot } from '../layout/layout.ts';

/**
 * The element that balances every neuron with a scale and brings every shiftable bias next to 0.
 *
 * Scales minimize the sum of all squares, which they do where each neuron's row and bias have the norm of its outgoing
 * columns; a neuron that has none of the one gets norm 1 in the other. Shifts leave |b| ≤ half a half period.
 *
 * Symmetry: invariant, g and g·h of parameters moved by a scale or shift h⁻¹ give the same parameters, to rounding.
 * Source: Stock et al. 2019, "Equi-normalization of Neural Networks", arXiv:1902.10416, for the scales.
 * Departs: neuron by neuron in place of layer by layer, so that spaces that several layers share are balanced, too.
 */
export function gaugeElement({ architecture, spaces }: SymmetryGroup, params: NdArrays): GroupElement {
  const { leaves, parameters } = layoutOf(architecture);
  const having = (kind: 'scale' | 'phase') =>
    spaces.filter(({ kinds }) => kinds.includes(kind)).map(({ name }) => leaves.get(name)!);
  const shifts = shiftsOf(having('phase'), parameters, params);
  const scales = scalesOf(having('scale'), parameters, act(architecture, shifts, params));
  return compose(scales, shifts, architecture);
}

const orderOf = ({ total, size }: LeafSpace): Int32Array => Int32Array.from({ length: total }, (_, q) => q % size);

function shiftsOf(
  shifting: readonly LeafSpace[],
  parameters: readonly ParameterLayout[],
  params: NdArrays,
): GroupElement {
  const shifts = new Map(shifting.map((leaf) => [leaf, new Int32Array(leaf.total)]));
  for (const { parameter, ranges } of parameters) {
    if (parameter.kind !== 'bias' || ranges.length !== 1) continue;
    for (const { leaf, role, neurons } of ranges[0]!.slots) {
      const own = shifts.get(leaf);
      if (own === undefined || role !== 'out') continue;
      const { data } = params[parameter.name]!;
      const halfPeriod = leaf.space.symmetries.phase!;
      neurons.forEach((q, x) => (own[q] = -Math.round(data[x]! / halfPeriod)));
    }
  }
  return Object.fromEntries([...shifts].map(([leaf, shift]) => [leaf.name, { permutation: orderOf(leaf), shift }]));
}

const ROUNDS = 500;
const CONVERGED = 1e-9;

function scalesOf(
  scaling: readonly LeafSpace[],
  parameters: readonly ParameterLayout[],
  params: NdArrays,
): GroupElement {
  const logs = new Map(scaling.map((leaf) => [leaf, new Float64Array(leaf.total)]));
  const terms = parameters.flatMap((layout) => squareTerm(layout, params, logs) ?? []);
  for (let round = 0; round < ROUNDS; round++) {
    const steps = [...logs.keys()].map((leaf) => balanceLeaf(leaf, terms, logs));
    if (Math.max(0, ...steps) < CONVERGED) break;
  }
  return Object.fromEntries(
    [...logs].map(([leaf, own]) => [
      leaf.name,
      { permutation: orderOf(leaf), scale: Float32Array.from(own, Math.exp) },
    ]),
  );
}

type Logs = ReadonlyMap<LeafSpace, Float64Array>;

/** A parameter's squares, summed over all axes without scales: a matrix of the positions of two ranges, or of one. */
interface SquareTerm {
  readonly squares: Float64Array;
  readonly rows: readonly Slot[];
  readonly columns: readonly Slot[];
  readonly height: number;
  readonly width: number;
}

function squareTerm({ parameter, ranges }: ParameterLayout, params: NdArrays, logs: Logs): SquareTerm | undefined {
  const slotsOf = (range: AxisRange | undefined) =>
    range?.slots.filter(({ leaf, role }) => logs.has(leaf) && role !== 'index') ?? [];
  // Only the axes that write and read neurons have factors, so there are two at most.
  const [first, second] = ranges.filter((range) => slotsOf(range).length > 0);
  if (first === undefined) return undefined;
  const [height, width] = [first.size, second?.size ?? 1];
  const squares = new Float64Array(height * width);
  const { data } = params[parameter.name]!;
  const add = (depth: number, from: number, at: number): void => {
    const range = ranges[depth];
    if (range === undefined) {
      squares[at]! += data[from]! ** 2;
      return;
    }
    const step = range === first ? width : range === second ? 1 : 0;
    for (let x = 0; x < range.size; x++) add(depth + 1, from * range.size + x, at + x * step);
  };
  add(0, 0, 0);
  return { squares, rows: slotsOf(first), columns: slotsOf(second), height, width };
}

/** One step of all neurons of a space; @returns the largest change of a logarithm */
function balanceLeaf(leaf: LeafSpace, terms: readonly SquareTerm[], logs: Logs): number {
  const [into, outOf] = [new Float64Array(leaf.total), new Float64Array(leaf.total)];
  let coupled = false;
  for (const term of terms) coupled = addSquares(term, leaf, logs, into, outOf) || coupled;
  const own = logs.get(leaf)!;
  let largest = 0;
  for (let q = 0; q < own.length; q++) {
    // Neurons that read one another all move at once, so each goes half of the way.
    const step = balance(into[q]!, outOf[q]!) * (coupled ? 0.5 : 1);
    own[q]! += step;
    largest = Math.max(largest, Math.abs(step));
  }
  return largest;
}

/** log c such that c² · into = outOf / c², or the one that isn't 0 becomes 1. */
function balance(into: number, outOf: number): number {
  if (into > 0 && outOf > 0) return Math.log(outOf / into) / 4;
  if (into > 0) return -Math.log(into) / 2;
  return outOf > 0 ? Math.log(outOf) / 2 : 0;
}

/**
 * Adds a term's squares to those that a neuron's scale multiplies (into) and divides (outOf), under the present scales;
 * those that it both multiplies and divides count for neither.
 *
 * @returns whether neurons of the space read each other in the term
 */
function addSquares(
  { squares, rows, columns, height, width }: SquareTerm,
  leaf: LeafSpace,
  logs: Logs,
  into: Float64Array,
  outOf: Float64Array,
): boolean {
  const all = [...rows, ...columns].filter((slot) => slot.leaf === leaf);
  if (all.length === 0) return false;
  const [rowFactors, columnFactors] = [squaredFactors(rows, height, logs), squaredFactors(columns, width, logs)];
  const neurons = (slots: readonly Slot[], role: AxisRole) =>
    slots.find((slot) => slot.leaf === leaf && slot.role === role)?.neurons;
  const [rowWrites, rowReads] = [neurons(rows, 'out'), neurons(rows, 'in')];
  const [columnWrites, columnReads] = [neurons(columns, 'out'), neurons(columns, 'in')];
  for (let x = 0, at = 0; x < height; x++) {
    for (let y = 0; y < width; y++, at++) {
      const square = squares[at]! * rowFactors[x]! * columnFactors[y]!;
      const write = Math.max(rowWrites?.[x] ?? -1, columnWrites?.[y] ?? -1);
      const read = Math.max(rowReads?.[x] ?? -1, columnReads?.[y] ?? -1);
      if (write === read) continue;
      if (write >= 0) into[write]! += square;
      if (read >= 0) outOf[read]! += square;
    }
  }
  return all.some(({ role }) => role === 'out') && all.some(({ role }) => role === 'in');
}

function squaredFactors(slots: readonly Slot[], size: number, logs: Logs): Float64Array {
  const total = new Float64Array(size);
  for (const { leaf, role, neurons } of slots) {
    const own = logs.get(leaf)!;
    neurons.forEach((q, x) => (total[x]! += q < 0 ? 0 : (role === 'out' ? 2 : -2) * own[q]!));
  }
  return total.map(Math.exp);
}
