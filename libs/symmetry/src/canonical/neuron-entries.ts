/** @file Which entries of a parameter each neuron has a part in. */
import type { AxisRole, LabelledNetwork, ParameterSpec } from '@weightspace/architecture';
import { sizeOf, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { layoutOf } from '../layout/layout.ts';
import type { LeafSpace, ParameterLayout, Slot } from '../layout/layout.ts';

/** The entries of one parameter by the neurons of one of its factors. */
export interface NeuronEntries {
  readonly parameter: ParameterSpec;
  readonly leaf: LeafSpace;
  readonly role: AxisRole;
  /** How many entries each neuron has. */
  readonly each: number;
  /** Places in the flattened parameter, neuron by neuron; `[total · each]`. */
  readonly at: Int32Array;
  /** The other free spaces that its entries belong to; the same space, where it stands twice in the parameter. */
  readonly others: ReadonlySet<LeafSpace>;
}

const known = new WeakMap<LabelledNetwork, readonly NeuronEntries[]>();

/** Of every free space in every parameter; computed once for each network. */
export function neuronEntries(network: LabelledNetwork): readonly NeuronEntries[] {
  const found = known.get(network);
  if (found) return found;
  const all = layoutOf(network).parameters.flatMap(ofParameter);
  known.set(network, all);
  return all;
}

/** Those of the spaces that have an order to speak of, by the space's name. */
export function entriesBySpace(network: LabelledNetwork): Map<string, readonly NeuronEntries[]> {
  const entries = neuronEntries(network);
  const names = new Set(entries.flatMap(({ leaf: { name, total } }) => (total > 1 ? [name] : [])));
  return new Map([...names].map((name) => [name, entries.filter(({ leaf }) => leaf.name === name)]));
}

function ofParameter({ parameter, ranges }: ParameterLayout): NeuronEntries[] {
  const size = sizeOf(ranges.map((range) => range.size));
  const slots = ranges.flatMap((range, r) => {
    const inner = sizeOf(ranges.slice(r + 1).map((later) => later.size));
    return range.slots.map((slot) => ({ slot, inner, length: range.size }));
  });
  const moving = slots.filter(({ slot: { leaf } }) => leaf.free);
  return moving.map(({ slot, inner, length }) => {
    const { leaf, role } = slot;
    const at = placesOf(slot, size, inner, length);
    const others = new Set(moving.flatMap((other) => (other.slot === slot ? [] : [other.slot.leaf])));
    return { parameter, leaf, role, each: at.length / leaf.total, at, others };
  });
}

function placesOf({ leaf, neurons }: Slot, size: number, inner: number, length: number): Int32Array {
  const lists = Array.from({ length: leaf.total }, (): number[] => []);
  for (let entry = 0; entry < size; entry++) {
    const q = neurons[Math.floor(entry / inner) % length]!;
    if (q >= 0) lists[q]!.push(entry);
  }
  return Int32Array.from(lists.flat());
}

/**
 * The entries of each neuron in a row.
 *
 * @param params by name; shape `[B, …shape]`
 * @returns shape `[B, total, each]`
 */
export function rowsOf({ parameter, leaf, each, at }: NeuronEntries, params: Tensors): Tensor {
  const value = params[parameter.name]!;
  const batch = value.shape[0]!;
  const flat = tf.reshape(value, [batch, value.size / batch]);
  const rows = inOrder(at, flat.shape[1]!) ? flat : tf.gather(flat, tf.tensor1d(at, 'int32'), 1);
  return tf.reshape(rows, [batch, leaf.total, each]);
}

const inOrder = (at: Int32Array, size: number): boolean => at.length === size && at.every((place, i) => place === i);
