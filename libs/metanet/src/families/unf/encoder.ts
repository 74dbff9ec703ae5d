/** @file From raw weights to the features of each block. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { splitBlocks } from '../../blocks/blocks.ts';
import type { Block } from '../../blocks/blocks.ts';
import type { Layout } from '../../blocks/layout.ts';
import { project } from '../../layers/dense.ts';
import { fold, fourierFeatures } from '../../layers/encoding.ts';

/** Deviation of embeddings at the start: as large as what is projected of a weight. */
const EMBEDDING = 0.5;

/** Axes of a block whose order has a meaning. */
const fixedAxes = ({ factors }: Block): number[] =>
  factors.flatMap(({ free, size }, axis) => (free || size === 1 ? [] : [axis]));

/**
 * `encoder.weight` `[F, C]`, `encoder.block.<block>` `[C]`, and `encoder.position.<space>` `[size, C]` for each space of
 * fixed order.
 *
 * @param features how many there are of each weight: two for each frequency, or one
 */
export function encoderParameters(
  { blocks }: Layout,
  features: number,
  channels: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const own = stream.split('encoder');
  const bound = Math.sqrt(3 / features) / 2;
  const fixed = new Map(
    blocks.flatMap((block) =>
      fixedAxes(block).map((axis) => [block.factors[axis]!.space, block.factors[axis]!.size] as const),
    ),
  );
  const embedding = (label: string, shape: readonly number[]) => own.split(label).normal(shape, 0, EMBEDDING);
  return {
    'encoder.weight': own.split('weight').uniform([features, channels], -bound, bound),
    ...Object.fromEntries(blocks.map(({ name }) => [`encoder.block.${name}`, embedding(`block ${name}`, [channels])])),
    ...Object.fromEntries(
      [...fixed].map(([space, size]) => [
        `encoder.position.${space}`,
        embedding(`position ${space}`, [size, channels]),
      ]),
    ),
  };
}

/**
 * Features of every entry.
 *
 *     x = ReLU(γ(w) · V + block + Σ_axes position)
 *
 * γ are the Fourier features of the weight, or the weight itself. One V serves all blocks; which block an entry is of, and
 * where on axes of fixed order it stands, is learned and added.
 *
 * Letters: B batch, F features of a weight, C channels.
 *
 * @param fixed `scale.<parameter>`, by which weights are divided where it is there, and `frequencies` where there are any
 * @param weights by parameter; shape `[B, …shape]`
 * @returns by block; shape `[B, …permutable axes, folded · C]`
 * Symmetry: equivariant to permutations of every free space.
 * Source: none is published for UNF; Fourier features as Zhou et al. 2023, arXiv:2302.14040, appendix C, positions as there.
 * Departs: nothing.
 */
export function encode(
  params: Tensors,
  fixed: Tensors,
  weights: Tensors,
  { blocks, tensors }: Layout,
): Record<string, Tensor> {
  const frequencies = fixed['frequencies'];
  const parts = splitBlocks(blocks, weights);
  return Object.fromEntries(
    blocks.map((block, i) => {
      const scale = fixed[`scale.${block.parameter}`];
      const raw = scale ? tf.div(parts[block.name]!, scale) : parts[block.name]!;
      const features = frequencies ? fourierFeatures(raw, frequencies) : tf.expandDims(raw, -1);
      const projected = project(features, params['encoder.weight']!);
      return [block.name, fold(tensors[i]!, tf.relu(tf.add(projected, addedTo(params, block))))];
    }),
  );
}

/** Embeddings of a block and of the places on its fixed axes; shape `[1, …sizes or 1, C]`. */
function addedTo(params: Tensors, block: Block): Tensor {
  const channels = params[`encoder.block.${block.name}`]!;
  return fixedAxes(block).reduce((sum, axis) => {
    const { space, size } = block.factors[axis]!;
    const shape = [1, ...block.factors.map((_, i) => (i === axis ? size : 1)), channels.size];
    return tf.add(sum, tf.reshape(params[`encoder.position.${space}`]!, shape));
  }, channels);
}
