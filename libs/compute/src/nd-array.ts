/** @file Plain arrays with a shape: what goes into and comes out of compiled functions, files and workers. */
import { tf } from './tf.ts';
import type { Tensor } from './tf.ts';

export type DType = 'float32' | 'int32' | 'bool';
export type TypedArrayOf<D extends DType> = D extends 'float32'
  ? Float32Array
  : D extends 'int32'
    ? Int32Array
    : Uint8Array;

/** Values in row-major order with a shape; structured-cloneable, so that it may go to a worker. */
export interface NdArray<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: TypedArrayOf<D>;
}

/** Parameters of a model (or any other named values), by a name such as `body.0.hidden.weight`. */
export type NdArrays = { readonly [name: string]: NdArray };
export type Tensors = { readonly [name: string]: Tensor };

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/**
 * @param data values in row-major order; its kind decides the dtype
 * @throws {RangeError} when `data` doesn't hold as many values as `shape` says
 * @returns an array that shares the memory of typed `data`
 */
export function ndarray(data: Float32Array | readonly number[], shape: readonly number[]): NdArray<'float32'>;
export function ndarray(data: Int32Array, shape: readonly number[]): NdArray<'int32'>;
export function ndarray(data: Uint8Array, shape: readonly number[]): NdArray<'bool'>;
export function ndarray(
  data: Float32Array | Int32Array | Uint8Array | readonly number[],
  shape: readonly number[],
): NdArray {
  if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new RangeError(`ndarray: shape must hold whole numbers ≥ 0, got [${shape.join(', ')}]`);
  }
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`ndarray: shape [${shape.join(', ')}] needs ${sizeOf(shape)} values, got ${data.length}`);
  }
  if (data instanceof Int32Array) return { dtype: 'int32', shape, data };
  if (data instanceof Uint8Array) return { dtype: 'bool', shape, data };
  return { dtype: 'float32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

export const scalar = (value: number): NdArray<'float32'> => ndarray([value], []);
export const zeros = (shape: readonly number[]): NdArray<'float32'> => ndarray(new Float32Array(sizeOf(shape)), shape);

/**
 * Rows `from` to `to` along the first axis, as a view on the same memory.
 *
 * A view must be copied (`takeRows`) before it goes to a worker, which would get a copy of all that it is a part of.
 * @throws {RangeError} unless 0 ≤ from ≤ to ≤ number of rows
 */
export function rows<D extends DType>(array: NdArray<D>, from: number, to: number): NdArray<D> {
  const count = rowCount('rows', array);
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= count)) {
    throw new RangeError(`rows: from and to must be within 0 and ${count}, from ≤ to, got ${from} and ${to}`);
  }
  const shape = [to - from, ...array.shape.slice(1)];
  const stride = sizeOf(array.shape.slice(1));
  return { dtype: array.dtype, shape, data: array.data.subarray(from * stride, to * stride) as TypedArrayOf<D> };
}

/**
 * The rows that `indices` names along the first axis, copied.
 *
 * @throws {RangeError} on an index that isn't a row
 */
export function takeRows<D extends DType>(array: NdArray<D>, indices: ArrayLike<number>): NdArray<D> {
  const count = rowCount('takeRows', array);
  const stride = sizeOf(array.shape.slice(1));
  const data = emptyOf(array.dtype, indices.length * stride);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    if (!(Number.isInteger(row) && row >= 0 && row < count)) {
      throw new RangeError(`takeRows: indices must be whole numbers from 0 to ${count - 1}, got ${row} at ${i}`);
    }
    data.set(array.data.subarray(row * stride, (row + 1) * stride), i * stride);
  }
  return { dtype: array.dtype, shape: [indices.length, ...array.shape.slice(1)], data };
}

function rowCount(fn: string, { shape }: NdArray): number {
  if (shape.length === 0) throw new RangeError(`${fn}: array must have at least one axis, got shape []`);
  return shape[0]!;
}

export const CONSTRUCTORS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;
const emptyOf = <D extends DType>(dtype: D, length: number) => new CONSTRUCTORS[dtype](length) as TypedArrayOf<D>;

/** A tensor on the current tfjs backend; the caller disposes it. It may share the array's memory: don't change that while the tensor lives. */
export const toTensor = (array: NdArray): Tensor => tf.tensor(array.data, [...array.shape], array.dtype);

/**
 * Copies a tensor's values out of tfjs.
 *
 * @throws {TypeError} for complex and string tensors
 */
export function fromTensor(tensor: Tensor): NdArray {
  const { dtype, shape } = tensor;
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
    throw new TypeError(`fromTensor: tensor must be float32, int32 or bool, got ${dtype}`);
  }
  // Some kernels of tfjs's `cpu` backend keep int32 and bool values in another kind of array; this makes them the right one.
  const data = CONSTRUCTORS[dtype].from(tensor.dataSync());
  return { dtype, shape: [...shape], data: data as Float32Array };
}

export const mapValues = <A, B>(
  record: { readonly [name: string]: A },
  f: (value: A, name: string) => B,
): Record<string, B> => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));

/** The same values under names that begin with `prefix`, so that several records can be one; `withoutPrefix` undoes it. */
export const withPrefix = <A>(prefix: string, record: { readonly [name: string]: A }): Record<string, A> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));

/** The part of a record whose names begin with `prefix`, under what follows it. */
export const withoutPrefix = <A>(prefix: string, record: { readonly [name: string]: A }): Record<string, A> =>
  Object.fromEntries(
    Object.entries(record)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
