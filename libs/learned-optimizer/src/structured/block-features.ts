/** @file Features of elements by parameter, channels first, as features of blocks, channels last; and back. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, sizeOf, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';
import { joinBlocks, splitBlocks } from '@weightspace/metanet';
import type { Block } from '@weightspace/metanet';

const sizesOf = ({ factors }: Block): number[] => factors.map(({ size }) => size);

/** @param x by parameter; shape `[N, C, P]` @returns by block; shape `[N, …sizes of factors, C]` */
export function blockFeatures(blocks: readonly Block[], x: Tensors): Record<string, Tensor> {
  const shapes = shapesOf(blocks);
  const stacked = mapValues(x, (value, name) => {
    const [N, C] = value.shape as [number, number];
    return tf.reshape(value, [N * C, ...shapes.get(name)!]) as Tensor;
  });
  const parts = splitBlocks(blocks, stacked);
  return Object.fromEntries(
    blocks.map((block) => {
      const [N, C] = x[block.parameter]!.shape as [number, number];
      const sizes = sizesOf(block);
      const first: Tensor = tf.reshape(parts[block.name]!, [N, C, sizeOf(sizes)]);
      return [block.name, tf.reshape(tf.transpose(first, [0, 2, 1]), [N, ...sizes, C])];
    }),
  );
}

/** Of each parameter, as far as its blocks reach. */
function shapesOf(blocks: readonly Block[]): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  for (const { parameter, ranges } of blocks) {
    const before = shapes.get(parameter);
    shapes.set(
      parameter,
      ranges.map(({ start, size }, axis) => Math.max(start + size, before?.[axis] ?? 0)),
    );
  }
  return shapes;
}

/** The inverse. @param y by block; shape `[N, …sizes, K]`, sizes in any grouping @returns by parameter; shape `[N, K, P]` */
export function blockValues(architecture: Architecture, blocks: readonly Block[], y: Tensors): Record<string, Tensor> {
  const { shape } = Object.values(y)[0]!;
  const [N, K] = [shape[0]!, shape.at(-1)!];
  const parts = Object.fromEntries(
    blocks.map((block) => {
      const sizes = sizesOf(block);
      const last: Tensor = tf.reshape(y[block.name]!, [N, sizeOf(sizes), K]);
      return [block.name, tf.reshape(tf.transpose(last, [0, 2, 1]), [N * K, ...sizes]) as Tensor];
    }),
  );
  return mapValues(
    joinBlocks(architecture, blocks, parts),
    (value) => tf.reshape(value, [N, K, value.size / (N * K)]) as Tensor,
  );
}
