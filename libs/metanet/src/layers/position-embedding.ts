/** @file Learned vectors that tell a parameter's layer, and which input or output an entry belongs to. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Layout, TensorLayout } from '../blocks/layout.ts';

/** `<name>.<tensor>` `[C]`, and `<name>.<space>` `[n, C]` for each space of inputs or outputs; all N(0, 1). */
export function positionEmbeddingParameters(
  name: string,
  { tensors, spaces }: Layout,
  fixed: ReadonlySet<string>,
  channels: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const own = stream.split(name);
  return Object.fromEntries([
    ...tensors.map((t) => [`${name}.${t.name}`, own.split(t.name).normal([channels])]),
    ...[...spaces]
      .filter(([space]) => fixed.has(space))
      .map(([space, size]) => [`${name}.${space}`, own.split(space).normal([size, channels])]),
  ]) as Record<string, NdArray<'float32'>>;
}

/**
 * Adds to each entry the vector of its parameter, and those of its input and its output.
 *
 * Letters: B batch, C channels, n neurons of a space.
 *
 * @param layout with all spaces permutable
 * @param fixed spaces of inputs and outputs
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]`
 * @returns the same shapes
 * Symmetry: equivariant to permutations of the spaces that aren't in `fixed`.
 * Source: `LearnedPosEmbedding` of the code of Zhou et al. 2023, arXiv:2305.13546. Departs: nothing.
 */
export function addPositionEmbedding(
  params: Tensors,
  name: string,
  { tensors }: Layout,
  fixed: ReadonlySet<string>,
  x: Tensors,
): Record<string, Tensor> {
  return Object.fromEntries(
    tensors.map((t) => [t.name, addTo(x[t.name]!, t, params[`${name}.${t.name}`]!, spacesAt(t, fixed, params, name))]),
  );
}

/** Vectors of a tensor's fixed spaces in the shape `[1, …sizes or 1, 1, C]`. */
const spacesAt = (t: TensorLayout, fixed: ReadonlySet<string>, params: Tensors, name: string): Tensor[] =>
  t.spaces.flatMap((space, at) => {
    if (!fixed.has(space)) return [];
    const vectors = params[`${name}.${space}`]!;
    return [tf.reshape(vectors, [1, ...t.spaces.map((_, i) => (i === at ? vectors.shape[0]! : 1)), 1, -1])];
  });

function addTo(x: Tensor, t: TensorLayout, vector: Tensor, more: readonly Tensor[]): Tensor {
  const channels = vector.shape[0]!;
  const all = more.reduce(
    (a, b) => tf.add(a, b),
    tf.reshape(vector, [...x.shape.slice(0, -1).map(() => 1), 1, channels]),
  );
  const entries: Tensor = tf.reshape(x, [...x.shape.slice(0, -1), t.folded, channels]);
  return tf.reshape(tf.add(entries, all), x.shape);
}
