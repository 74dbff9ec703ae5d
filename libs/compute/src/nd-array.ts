/** @file Plain arrays with a shape: what goes into and comes out of compiled functions, files and workers. */
import { tf } from './tf.ts';
import type { Tensor } from './tf.ts';

export type DType = 'float32' | 'int32' | 'bool';
export type TypedArrayOf<D extends DType> = D extends 'float32' ? Float32Array : D extends 'int32' ? Int32Array : Uint8Array;

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
 */
export function ndarray(data: Float32Array | readonly number[], shape: readonly number[]): NdArray<'float32'>;
export function ndarray(data: Int32Array, shape: readonly number[]): NdArray<'int32'>;
export function ndarray(data: Uint8Array, shape: readonly number[]): NdArray<'bool'>;
export function ndarray(data: Float32Array | Int32Array | Uint8Array | readonly number[], shape: readonly number[]): NdArray {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`ndarray: shape [${shape.join(', ')}] needs ${sizeOf(shape)} values, got ${data.length}`);
  }
  if (data instanceof Int32Array) return { dtype: 'int32', shape, data };
  if (data instanceof Uint8Array) return { dtype: 'bool', shape, data };
  return { dtype: 'float32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

export const scalar = (value: number): NdArray<'float32'> => ndarray([value], []);
export const zeros = (shape: readonly number[]): NdArray<'float32'> => ndarray(new Float32Array(sizeOf(shape)), shape);

/** Rows `from` to `to` along the first axis, as a view on the same memory. */
export function rows<D extends DType>(array: NdArray<D>, from: number, to: number): NdArray<D> {
  const stride = sizeOf(array.shape.slice(1));
  const data = array.data.subarray(from * stride, to * stride) as TypedArrayOf<D>;
  return { dtype: array.dtype, shape: [data.length / stride, ...array.shape.slice(1)], data };
}

/** The rows that `indices` names along the first axis, copied. */
export function takeRows<D extends DType>(array: NdArray<D>, indices: ArrayLike<number>): NdArray<D> {
  const stride = sizeOf(array.shape.slice(1));
  const data = array.data.slice(0, 0).constructor as new (length: number) => TypedArrayOf<D>;
  const out = new data(indices.length * stride);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    out.set(array.data.subarray(row * stride, (row + 1) * stride), i * stride);
  }
  return { dtype: array.dtype, shape: [indices.length, ...array.shape.slice(1)], data: out };
}

/** A tensor on the current tfjs backend; the caller disposes it. */
export const toTensor = (array: NdArray): Tensor => tf.tensor(array.data, [...array.shape], array.dtype);

/** Copies a tensor's values out of tfjs. */
export function fromTensor(tensor: Tensor): NdArray {
  const data = tensor.dataSync();
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'int32' && tensor.dtype !== 'bool') {
    throw new TypeError(`fromTensor: tensor must be float32, int32 or bool, got ${tensor.dtype}`);
  }
  return { dtype: tensor.dtype, shape: [...tensor.shape], data: data.slice() as Float32Array };
}

export const mapValues = <A, B>(record: { readonly [name: string]: A }, f: (value: A, name: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
