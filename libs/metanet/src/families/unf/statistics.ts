/** @file Diagonals of a tensor and their means: each is computed once, from the smallest that it follows from. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Pattern, Reading } from './plan.ts';

/** Everything that a layer reads of one tensor. */
export class Statistics {
  readonly #x: Tensor;
  readonly #known = new Map<string, Tensor>();

  /** @param x features; shape `[B, …sizes, folded · C]` */
  constructor(x: Tensor) {
    this.#x = x;
  }

  /** @returns shape `[B, …sizes of the hub's indices, folded · C]` */
  read({ pattern, kept, order }: Reading): Tensor {
    const axes = order.map((part) => kept.indexOf(part) + 1);
    return transposed(this.#mean(pattern, kept), axes);
  }

  /** One part at a time: the next mean is over little. */
  #mean(pattern: Pattern, kept: readonly number[]): Tensor {
    const key = `${pattern.partition.join()} ${kept.join()}`;
    const known = this.#known.get(key);
    if (known) return known;
    const value = this.#compute(pattern, kept);
    this.#known.set(key, value);
    return value;
  }

  #compute(pattern: Pattern, kept: readonly number[]): Tensor {
    const { parts, partition } = pattern;
    if (kept.length === parts.length) return diagonal(this.#x, partition);
    const others = parts.flatMap(({ parent }, part) =>
      !kept.includes(part) && (parent === undefined || kept.includes(parent)) ? [part] : [],
    );
    const smallest = others.reduce((a, b) => (parts[b]!.size < parts[a]!.size ? b : a));
    const more = [...kept, smallest].sort((a, b) => a - b);
    return tf.mean(this.#mean(pattern, more), more.indexOf(smallest) + 1);
  }
}

/** Brings the axes between the first and the last into this order. */
export function transposed(x: Tensor, axes: readonly number[]): Tensor {
  if (axes.every((axis, i) => axis === i + 1)) return x;
  return tf.transpose(x, [0, ...axes, x.rank - 1]);
}

/** The entries at which indices of one part are equal; one axis for each part. */
function diagonal(x: Tensor, partition: readonly number[]): Tensor {
  const parts = [...partition];
  let y = x;
  for (;;) {
    const second = parts.findIndex((part, at) => parts.indexOf(part) < at);
    if (second < 0) return y;
    const first = parts.indexOf(parts[second]!);
    y = tf.sum(tf.mul(y, equal(y.rank, x.shape[second + 1]!, [first + 1, second + 1])), second + 1);
    parts.splice(second, 1);
  }
}

/** 1 where two indices are equal; shape 1 on all other axes. */
export function equal(rank: number, size: number, axes: readonly [number, number]): Tensor {
  const shape = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? size : 1));
  return tf.reshape(tf.eye(size), shape);
}
