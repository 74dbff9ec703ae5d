/** @file The terms of an equivariant linear map between tensors, grouped by the indices that input and output share. */
import { closedSubsets, isomorphisms, partitionsOf, quotient, restricted, shapeOf } from './forest.ts';
import type { Forest, Partition } from './forest.ts';

/** A tensor of features: `[B, …sizes of the indices, folded · C]`. */
export interface IndexedTensor {
  readonly name: string;
  readonly indices: Forest;
  /** How many entries of fixed order stand in its channels. */
  readonly folded: number;
}

/** A (generalized) diagonal of a tensor: where indices of one part are equal. */
export interface Pattern {
  readonly tensor: IndexedTensor;
  readonly partition: Partition;
  /** One index for each part, in the order of their first members. */
  readonly parts: Forest;
}

/** Of an input, the mean of a pattern over all parts but those kept; of an output, a pattern of which only these are told apart. */
export interface Reading {
  readonly pattern: Pattern;
  /** Parts, ascending; with each its parent. */
  readonly kept: readonly number[];
  /** By index of the hub: the part that it is. */
  readonly order: readonly number[];
}

/**
 * All that is shared through one tuple of indices: each source can be mapped to each target, and each such pair is a
 * different term.
 */
export interface Hub {
  readonly shape: string;
  readonly indices: Forest;
  readonly sources: readonly Reading[];
  readonly targets: readonly Reading[];
}

export interface Plan {
  readonly tensors: readonly IndexedTensor[];
  /** By tensor. */
  readonly patterns: ReadonlyMap<IndexedTensor, readonly Pattern[]>;
  readonly hubs: readonly Hub[];
}

/**
 * All terms of all equivariant linear maps from these tensors to these tensors.
 *
 * A partition of the indices of an output and an input together is a partition of each, and a matching of some parts of
 * one with parts of the other: those parts are the indices of the hub, all other parts of the input are averaged, and all
 * other parts of the output are broadcast over. A hub with indices that can be exchanged, as of a recurrent weight and its
 * transpose, has a source for each way of reading them.
 */
export function universalPlan(tensors: readonly IndexedTensor[]): Plan {
  const patterns = new Map(tensors.map((tensor) => [tensor, patternsOf(tensor)]));
  const groups = new Map<string, Omit<Reading, 'order'>[]>();
  for (const pattern of tensors.flatMap((tensor) => patterns.get(tensor)!)) {
    for (const kept of closedSubsets(pattern.parts)) {
      const shape = shapeOf(restricted(pattern.parts, kept));
      groups.set(shape, [...(groups.get(shape) ?? []), { pattern, kept }]);
    }
  }
  return { tensors, patterns, hubs: [...groups].map(([shape, readings]) => hubOf(shape, readings)) };
}

const patternsOf = (tensor: IndexedTensor): Pattern[] =>
  partitionsOf(tensor.indices).map((partition) => ({ tensor, partition, parts: quotient(tensor.indices, partition) }));

/** A tensor with nothing averaged has its own order in the hub, so that it needn't be transposed. */
function hubOf(shape: string, readings: readonly Omit<Reading, 'order'>[]): Hub {
  const { pattern, kept } = readings.find(isWhole) ?? readings[0]!;
  const indices = restricted(pattern.parts, kept);
  const oriented = readings.map((reading) =>
    isomorphisms(indices, restricted(reading.pattern.parts, reading.kept)).map((map) => ({
      ...reading,
      order: map.map((place) => reading.kept[place]!),
    })),
  );
  return { shape, indices, sources: oriented.flat(), targets: oriented.map(([first]) => first!) };
}

/** Whether it is the tensor as it is, entry by entry. */
export const isWhole = ({ pattern, kept }: Pick<Reading, 'pattern' | 'kept'>): boolean =>
  kept.length === pattern.tensor.indices.length;

/** How many terms map one tensor to another. */
export function countTerms({ hubs }: Plan, output: string, input: string): number {
  const of = (readings: readonly Reading[], name: string) =>
    readings.filter(({ pattern }) => pattern.tensor.name === name).length;
  return hubs.reduce((sum, { sources, targets }) => sum + of(sources, input) * of(targets, output), 0);
}

/** Channels of all readings side by side. */
export const widthOf = (readings: readonly Reading[], channels: number): number =>
  readings.reduce((sum, { pattern }) => sum + pattern.tensor.folded * channels, 0);
