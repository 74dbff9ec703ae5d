/** @file All parameters of a network in one row, in the architecture's order. */
import type { Architecture, ParameterSpec } from '@weightspace/architecture';
import { ndarray, sizeOf, tf } from '@weightspace/compute';
import type { NdArray, Tensor, Tensors } from '@weightspace/compute';

export interface FlatLayout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  /** F: numbers in a row. */
  readonly width: number;
  /** 1 where a parameter is a weight; `[F]`. */
  readonly decayed: NdArray;
  /** 1 where a parameter is a statistic; `[F]`. */
  readonly statistic: NdArray;
  readonly hasStatistics: boolean;
}

export function layoutOf({ parameters }: Architecture): FlatLayout {
  const width = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const where = (kind: ParameterSpec['kind']) =>
    ndarray(
      Float32Array.from(parameters.flatMap((p) => Array<number>(sizeOf(p.shape)).fill(Number(p.kind === kind)))),
      [width],
    );
  return {
    names: parameters.map(({ name }) => name),
    shapes: parameters.map(({ shape }) => shape),
    width,
    decayed: where('weight'),
    statistic: where('statistic'),
    hasStatistics: parameters.some(({ kind }) => kind === 'statistic'),
  };
}

/** @param flat shape `[N, F]` @returns by name; shape `[N, …shape]` */
export function apart(flat: Tensor, { names, shapes }: FlatLayout): Tensors {
  const count = flat.shape[0]!;
  const parts = tf.split(flat, shapes.map(sizeOf), 1);
  return Object.fromEntries(names.map((name, i) => [name, tf.reshape(parts[i]!, [count, ...shapes[i]!])]));
}

/** Some parameters in their places of a row, 0 elsewhere; shape `[N, F]`. */
export function together(some: Tensors, { names, shapes }: FlatLayout, count: number): Tensor {
  const parts = names.map((name, i) => {
    const size = sizeOf(shapes[i]!);
    return some[name] ? tf.reshape(some[name], [count, size]) : tf.zeros([count, size]);
  });
  return tf.concat(parts, 1);
}
