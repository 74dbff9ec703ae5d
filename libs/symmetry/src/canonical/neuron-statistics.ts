/** @file Numbers of every neuron that don't depend on the order of any other neurons, inside traced functions. */
import { checkStacked } from '@weightspace/architecture';
import type { LabelledNetwork } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { entriesBySpace, rowsOf } from './neuron-entries.ts';
import type { NeuronEntries } from './neuron-entries.ts';

/**
 * Mean, and mean magnitude, of the entries that a neuron has a part in: one of both for each place (parameter and factor)
 * where its space stands.
 *
 * Entries are sorted before they are added up, so that the sums are equal bit by bit whatever order the other neurons
 * are in: neurons can be sorted by these numbers, and ties are neurons whose entries are the same.
 *
 * Letters: B networks, n neurons of a space with all its instances, F numbers of each.
 * @param params by name; shape `[B, …shape]`
 * @returns by free space of more than one neuron; shape `[B, n, F]`, means first
 * @throws {ParameterError | ShapeError} when shapes disagree with the network
 * Symmetry: equivariant to the orders of neurons: each keeps its numbers.
 * Source: none.
 */
export function neuronStatistics(network: LabelledNetwork, params: Tensors): Record<string, Tensor> {
  checkStacked('neuronStatistics', network, params);
  return tf.tidy(() => {
    return Object.fromEntries(
      [...entriesBySpace(network)].map(([space, places]) => {
        const sorted = places.map((place) => sortedRows(place, params));
        const means = sorted.map((rows) => tf.mean(rows, 2, true));
        const magnitudes = sorted.map((rows) => tf.mean(tf.abs(rows), 2, true));
        return [space, tf.concat([...means, ...magnitudes], 2)];
      }),
    );
  });
}

/** How many numbers `neuronStatistics` gives for each neuron; by space. */
export function neuronStatisticCounts(network: LabelledNetwork): Record<string, number> {
  return Object.fromEntries([...entriesBySpace(network)].map(([space, places]) => [space, 2 * places.length]));
}

function sortedRows(place: NeuronEntries, params: Tensors): Tensor {
  const rows = rowsOf(place, params);
  return place.each === 1 ? rows : tf.topk(rows, place.each).values;
}
