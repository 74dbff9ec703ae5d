/** @file The permutations that leave a function as it is by brute force: a check of the labels themselves. */
import type { LabelledNetwork, SpaceKind } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { act } from '../act.ts';
import { largest } from '../certificate/compare.ts';
import { layoutOf } from '../layout/layout.ts';
import type { AxisRange, ParameterLayout } from '../layout/layout.ts';
import { SymmetryError } from '../symmetry-error.ts';
import { permutationsOf } from './permutations.ts';

export interface FunctionSymmetryOptions {
  /**
   * Whether every axis has an order of its own ('each'), so that labels aren't trusted at all, or all axes with the same
   * label have the same ('label'), which is less to try; 'label' unless said otherwise.
   */
  readonly axes?: 'each' | 'label';
  /** Most combinations of orders; 20,000 unless said otherwise. */
  readonly limit?: number;
  /** Largest difference of outputs that counts as none, as a share of the largest output; 1e-4 unless said otherwise. */
  readonly tolerance?: number;
}

/** A function of the parameters of N stacked networks, `[N, …shape]`, at fixed inputs; gives `[N, …]`. */
export type StackedRun = (params: NdArrays) => Promise<NdArray> | NdArray;

export interface FunctionSymmetries {
  readonly tried: number;
  /** How many of them leave the function as it is: the order of the network's permutation group, if the labels are right. */
  readonly kept: number;
}

/**
 * Counts, of all combinations of orders of all axes, those that don't change what the network computes.
 *
 * Inputs, outputs and frozen neurons are permuted, too, but not kernels, positions, tokens and gates. So both are found
 * out: labels that allow what changes the function (fewer are kept than the group has), and labels that forbid what
 * doesn't (more are kept).
 *
 * @param params of one network, generic: no two neurons alike
 * @throws {SymmetryError} when there are more combinations than `limit`
 */
export async function countFunctionSymmetries(
  network: LabelledNetwork,
  params: NdArrays,
  run: StackedRun,
  options: FunctionSymmetryOptions = {},
): Promise<FunctionSymmetries> {
  const { axes = 'label', limit = 20_000, tolerance = 1e-4 } = options;
  const { parameters } = layoutOf(network);
  const pieces = parameters.flatMap((layout) => layout.ranges.flatMap((range, i) => piecesOf(layout, range, i)));
  const blocks = blocksOf(pieces, axes, limit);
  const tried = blocks.reduce((n, { orders }) => n * orders.length, 1);
  if (tried > limit) {
    const message = `network must have at most ${limit} combinations of orders to try, got ${tried}; make it smaller`;
    throw new SymmetryError('countFunctionSymmetries', message);
  }
  const own = act(network, {}, params);
  const base = await run(stack(parameters, [own]));
  const scale = largest(base);
  let kept = 0;
  for (let start = 0; start < tried; start += CHUNK) {
    const count = Math.min(CHUNK, tried - start);
    const moved = Array.from({ length: count }, (_, n) => permuted(parameters, own, blocks, start + n));
    const { data } = await run(stack(parameters, moved));
    for (let n = 0; n < count; n++) {
      const near = (y: number, i: number) => Math.abs(data[n * base.data.length + i]! - y) <= tolerance * scale;
      if (Array.from(base.data).every(near)) kept++;
    }
  }
  return { tried, kept };
}

const CHUNK = 256;

/** Positions of a range that change places among each other. */
interface Piece {
  readonly label: string;
  readonly parameter: string;
  readonly range: number;
  readonly positions: readonly number[];
}

interface Block {
  readonly pieces: readonly Piece[];
  readonly orders: readonly Int32Array[];
}

const still: readonly SpaceKind[] = ['kernel', 'position', 'token', 'gate', 'index'];

/**
 * One for every segment of a range, and in it for every kernel position, gate, …; a range of several axes is permuted as a
 * whole, with a label of its own.
 */
function piecesOf(layout: ParameterLayout, range: AxisRange, index: number): Piece[] {
  const { name } = layout.parameter;
  const standing = range.slots.filter(({ leaf }) => still.includes(leaf.space.kind));
  const moving = range.slots.filter((slot) => !standing.includes(slot));
  const pieces = new Map<string, number[]>();
  range.segments.forEach((segment, x) => {
    const key = [segment, ...standing.map(({ neurons }) => neurons[x]!)].join();
    pieces.set(key, [...(pieces.get(key) ?? []), x]);
  });
  return [...pieces.values()].flatMap((positions): Piece[] => {
    const spaces = moving.filter(({ neurons }) => neurons[positions[0]!]! >= 0).map(({ leaf }) => leaf.name);
    if (positions.length < 2 || spaces.length === 0) return [];
    const label = range.to - range.from > 1 ? `${name} ${index}` : spaces.join(' · ');
    return [{ label, parameter: name, range: index, positions }];
  });
}

function blocksOf(pieces: readonly Piece[], axes: 'each' | 'label', limit: number): Block[] {
  const blocks = new Map<string, Piece[]>();
  pieces.forEach((piece, i) => {
    const key = axes === 'each' ? String(i) : piece.label;
    blocks.set(key, [...(blocks.get(key) ?? []), piece]);
  });
  return [...blocks.values()].map((own) => {
    const [{ positions, label }] = own as [Piece];
    return { pieces: own, orders: permutationsOf(positions.length, limit, `'${label}'`) };
  });
}

/** The parameters under combination `number` of the blocks' orders. */
function permuted(
  parameters: readonly ParameterLayout[],
  params: NdArrays,
  blocks: readonly Block[],
  number: number,
): NdArrays {
  const sources = new Map(
    parameters.map(({ parameter, ranges }) => [
      parameter.name,
      ranges.map(({ size }) => Int32Array.from({ length: size }, (_, x) => x)),
    ]),
  );
  let rest = number;
  for (const { pieces, orders } of blocks) {
    const order = orders[rest % orders.length]!;
    rest = Math.floor(rest / orders.length);
    for (const { parameter, range, positions } of pieces) {
      const source = sources.get(parameter)![range]!;
      positions.forEach((x, i) => (source[x] = positions[order[i]!]!));
    }
  }
  return Object.fromEntries(
    parameters.map(({ parameter: { name, shape } }) => [
      name,
      ndarray(gathered(params[name]!.data as Float32Array, sources.get(name)!), shape),
    ]),
  );
}

/** y[x₁, x₂, …] = x[source₁[x₁], source₂[x₂], …]. */
function gathered(data: Float32Array, sources: readonly Int32Array[]): Float32Array {
  let from = Int32Array.of(0);
  for (const source of sources) {
    const next = new Int32Array(from.length * source.length);
    from.forEach((start, i) => source.forEach((x, j) => (next[i * source.length + j] = start * source.length + x)));
    from = next;
  }
  return Float32Array.from(from, (at) => data[at]!);
}

function stack(parameters: readonly ParameterLayout[], networks: readonly NdArrays[]): NdArrays {
  return Object.fromEntries(
    parameters.map(({ parameter: { name, shape } }) => {
      const size = networks[0]![name]!.data.length;
      const data = new Float32Array(networks.length * size);
      networks.forEach((own, n) => data.set(own[name]!.data as Float32Array, n * size));
      return [name, ndarray(data, [networks.length, ...shape])];
    }),
  );
}
