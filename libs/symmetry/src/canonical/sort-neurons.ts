/** @file The order that scores of neurons give, inside traced functions. */
import type { LabelledNetwork } from '@weightspace/architecture';
import { bindShapes, tf, withoutGradient } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { layoutOf } from '../layout/layout.ts';
import type { LeafSpace } from '../layout/layout.ts';
import { SymmetryError } from '../symmetry-error.ts';

/**
 * The element that puts the neurons of each space into the order of their scores, largest first.
 *
 * A space within another one is sorted for each of that one's neurons by itself, wherever these go.
 *
 * Letters: B networks, n neurons of a space with all its instances.
 * @param scores by space; shape `[B, n]`; a space without scores keeps its order
 * @returns for `actTensors`: `<space>.permutation`, int32, shape `[B, n]`
 * @throws {SymmetryError} when a space isn't a free one of the network
 * @throws {ShapeError} when the shapes disagree
 * Symmetry: for scores that are equivariant, what the element does to its network is invariant to orders of neurons.
 *   Neurons with equal scores keep the order that they came in, so between these nothing is decided.
 */
export function sortNeurons(network: LabelledNetwork, scores: Tensors): Record<string, Tensor> {
  const { leaves } = layoutOf(network);
  check(leaves, scores);
  // Small changes of scores change no order: its gradient is 0 where it has one.
  return withoutGradient(() => tf.tidy(() => orders(leaves, scores)));
}

function orders(leaves: ReadonlyMap<string, LeafSpace>, scores: Tensors): Record<string, Tensor> {
  const element: Record<string, Tensor> = {};
  const places = new Map<LeafSpace, Tensor | undefined>();
  /** Which neuron of all instances each new one was, `[B, n]`; undefined where all stay. */
  const placesOf = (leaf: LeafSpace): Tensor | undefined => {
    if (places.has(leaf)) return places.get(leaf);
    const outer = leaf.parent && placesOf(leaf.parent);
    const own = scores[leaf.name] && ordersOf(leaf, scores[leaf.name]!, outer);
    if (own) element[`${leaf.name}.permutation`] = own;
    const found = own || outer ? flatPlaces(leaf, own, outer) : undefined;
    places.set(leaf, found);
    return found;
  };
  leaves.forEach(placesOf);
  return element;
}

function check(leaves: ReadonlyMap<string, LeafSpace>, scores: Tensors): void {
  const batch = Object.values(scores)[0]?.shape[0] ?? 0;
  for (const [name, { shape }] of Object.entries(scores)) {
    const leaf = leaves.get(name);
    if (!leaf?.free) {
      const free = [...leaves.values()].filter((candidate) => candidate.free).map((candidate) => `'${candidate.name}'`);
      throw new SymmetryError('sortNeurons', `scores must be of free spaces (${free.join(', ')}), got '${name}'`);
    }
    bindShapes('sortNeurons', [[`scores '${name}'`, shape, [batch, leaf.total]]]);
  }
}

/** Orders within the new instances, each of which has that of the old instance which it was. */
function ordersOf({ size, total, instances }: LeafSpace, scores: Tensor, outer: Tensor | undefined): Tensor {
  const batch = scores.shape[0]!;
  const sorted = tf.topk(tf.reshape(scores, [batch, instances, size]), size).indices;
  const placed = outer ? tf.gather(sorted, outer as tf.Tensor1D, 1, 1) : sorted;
  return tf.reshape(placed, [batch, total]);
}

function flatPlaces({ size, total, instances }: LeafSpace, own: Tensor | undefined, outer: Tensor | undefined): Tensor {
  const batch = (own ?? outer)!.shape[0]!;
  const start = outer
    ? tf.reshape(tf.mul(outer, tf.scalar(size, 'int32')), [batch, instances, 1])
    : tf.tensor3d(
        Array.from({ length: instances }, (_, p) => p * size),
        [1, instances, 1],
        'int32',
      );
  const within = own
    ? tf.reshape(own, [batch, instances, size])
    : tf.tensor3d(
        Array.from({ length: size }, (_, i) => i),
        [1, 1, size],
        'int32',
      );
  return tf.reshape(tf.add(start, within), [batch, total]);
}
