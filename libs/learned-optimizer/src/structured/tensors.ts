/** @file Parameters as tensors with an axis for each space, neither of which is a channel. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { blocksOf } from '@weightspace/metanet';
import type { Block, IndexedTensor } from '@weightspace/metanet';

import { perNetwork } from '../optimizers/per-network.ts';
import { blockFeatures } from './block-features.ts';

export interface TrackedTensors {
  readonly blocks: readonly Block[];
  /** Of each block. */
  readonly tensors: readonly IndexedTensor[];
  /** Axes of each block's tensor whose places are told apart: kernels and gates. */
  readonly places: readonly (readonly number[])[];
}

const TOLD_APART = ['kernel', 'gate'];

/** The axes of a kernel become one. */
export function trackedTensors(architecture: Architecture): TrackedTensors {
  const blocks = blocksOf(architecture);
  const all = blocks.map(({ name, factors }) => {
    const indices: { space: string; size: number; kind: string; factors: number[]; parent: number | undefined }[] = [];
    factors.forEach(({ space, size, kind, within }, at) => {
      const before = indices.at(-1);
      if (kind === 'kernel' && before?.kind === 'kernel') {
        before.space += `×${space}`;
        before.size *= size;
        before.factors.push(at);
      } else indices.push({ space, size, kind, factors: [at], parent: within });
    });
    const placeOf = (factor: number) => indices.findIndex((own) => own.factors.includes(factor));
    return {
      tensor: {
        name,
        indices: indices.map(({ space, size, parent }) => ({
          space,
          size,
          parent: parent === undefined ? undefined : placeOf(parent),
        })),
        folded: 1,
      },
      places: indices.flatMap(({ kind }, at) => (TOLD_APART.includes(kind) ? [at] : [])),
    };
  });
  return { blocks, tensors: all.map(({ tensor }) => tensor), places: all.map(({ places }) => places) };
}

/** Features of elements as those of tensors. @param x by parameter; shape `[N, C, P]` @returns by block; shape `[N, …sizes, C]` */
export function tensorFeatures({ blocks, tensors }: TrackedTensors, x: Tensors): Record<string, Tensor> {
  const parts = blockFeatures(blocks, x);
  return Object.fromEntries(
    tensors.map(({ name, indices }) => {
      const { shape } = parts[name]!;
      return [name, tf.reshape(parts[name]!, [shape[0]!, ...indices.map(({ size }) => size), shape.at(-1)!]) as Tensor];
    }),
  );
}

/** Deviation of the vectors of places at the start. */
const EMBEDDING = 0.5;

/** `place.<block>.<axis>` `[size, C]` */
export const placeParameters = (
  { tensors, places }: TrackedTensors,
  channels: number,
  stream: RandomStream,
): NdArrays =>
  Object.fromEntries(
    tensors.flatMap(({ name, indices }, i) =>
      places[i]!.map((axis) => {
        const label = `place.${name}.${axis}`;
        return [label, stream.split(label).normal([indices[axis]!.size, channels], 0, EMBEDDING)] as const;
      }),
    ),
  );

/** @param x by block; shape `[N, …sizes, C]` */
export function withPlaces(meta: Tensors, { tensors, places }: TrackedTensors, x: Tensors): Tensors {
  return mapValues(x, (value, name) => {
    const at = tensors.findIndex((tensor) => tensor.name === name);
    return places[at]!.reduce((sum, axis): Tensor => {
      const table = perNetwork(meta[`place.${name}.${axis}`]!, value.shape[0]!);
      const shape = value.shape.map((size, i) => (i === 0 || i === axis + 1 || i === value.rank - 1 ? size : 1));
      return tf.add(sum, tf.reshape(table, shape));
    }, value);
  });
}
