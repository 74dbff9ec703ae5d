/** @file Networks under way, as arrays. */
import { mapValues, ndarray, sizeOf, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

/** N networks under way. A truncation may write its result into what it was given: don't use a state again that was passed on. */
export interface UnrollState {
  /** Shape `[N, …shape]`. */
  readonly params: NdArrays;
  /** Of the optimizer; `[N, …]`. */
  readonly memory: NdArrays;
  /** Inner steps made, and when the network begins anew; `[T]`: those of a pair are equal. */
  readonly step: NdArray<'float32'>;
  readonly horizon: NdArray<'float32'>;
}

/** As arrays of one record, for a checkpoint. */
export const packUnroll = ({ params, memory, step, horizon }: UnrollState): NdArrays => ({
  ...withPrefix('params/', params),
  ...withPrefix('memory/', memory),
  step,
  horizon,
});

export const unpackUnroll = (arrays: NdArrays): UnrollState => ({
  params: withoutPrefix('params/', arrays),
  memory: withoutPrefix('memory/', arrays),
  step: arrays['step'] as NdArray<'float32'>,
  horizon: arrays['horizon'] as NdArray<'float32'>,
});

/** Rows of all, once for each sign, one block behind another. */
export const repeated = (arrays: NdArrays, times: number): NdArrays =>
  times === 1 ? arrays : mapValues(arrays, (array) => repeatedRows(array, times));

function repeatedRows(array: NdArray, times: number): NdArray {
  const { data, shape } = array;
  const all = data.slice(0, 0).constructor as new (length: number) => Float32Array;
  const made = new all(times * data.length);
  for (let i = 0; i < times; i++) made.set(data as Float32Array, i * data.length);
  return { ...array, shape: [times * shape[0]!, ...shape.slice(1)], data: made } as NdArray;
}

/** Overwrites the rows that are marked, in every block. */
export function overwriteRows(into: NdArrays, from: NdArrays, marked: readonly boolean[]): void {
  for (const [name, { data, shape }] of Object.entries(into)) {
    const stride = sizeOf(shape.slice(1));
    for (let n = 0; n < shape[0]!; n++) {
      if (!marked[n % marked.length]) continue;
      data.set(from[name]!.data.subarray(n * stride, (n + 1) * stride), n * stride);
    }
  }
}

/** The first block of a state of several signs, copied. */
export function firstBlock({ params, memory, step, horizon }: UnrollState): UnrollState {
  const [T] = step.shape as [number];
  const cut = (array: NdArray): NdArray => {
    const stride = sizeOf(array.shape.slice(1));
    return { ...array, shape: [T, ...array.shape.slice(1)], data: array.data.slice(0, T * stride) } as NdArray;
  };
  return { params: mapValues(params, cut), memory: mapValues(memory, cut), step, horizon };
}

export const filled = (count: number, value: (i: number) => number): NdArray<'float32'> =>
  ndarray(
    Float32Array.from({ length: count }, (_, i) => value(i)),
    [count],
  );
