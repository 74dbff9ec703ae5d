/** @file The kinds of numbers that checkpoints store, and the typed arrays that hold each of them exactly. */

/** Bytes per element of every dtype. */
export const ELEMENT_BYTES = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
  complex64: 8,
  complex128: 16,
} as const;

/** A dtype as it is stored, by NumPy's name. */
export type TensorDType = keyof typeof ELEMENT_BYTES;

export type TensorArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | BigUint64Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/**
 * Values of a tensor in the narrowest typed array that holds every one of them exactly, in row-major order.
 *
 * | dtype | array |
 * | --- | --- |
 * | float64 | Float64Array |
 * | float32, float16, bfloat16, float8 | Float32Array |
 * | int64, uint64 | BigInt64Array, BigUint64Array |
 * | int32 … int8, uint32 … uint8 | Int32Array … Int8Array, Uint32Array … Uint8Array |
 * | bool | Uint8Array of 0 and 1 |
 * | complex64, complex128 | Float32Array, Float64Array: real and imaginary parts in turn, twice as many values |
 */
export interface TensorData {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

export const isTensorDType = (name: string): name is TensorDType => Object.hasOwn(ELEMENT_BYTES, name);

/** Bytes of one number: a complex element is two of them, each with a byte order of its own. */
export const numberBytes = (dtype: TensorDType): number =>
  dtype.startsWith('complex') ? ELEMENT_BYTES[dtype] / 2 : ELEMENT_BYTES[dtype];

/** Whether these may be the sizes of a tensor's axes: whole, not negative, and few enough values to count. */
export function isShape(shape: readonly unknown[]): shape is readonly number[] {
  let count = 1;
  for (const size of shape) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return false;
    count *= Math.max(1, size);
  }
  return Number.isSafeInteger(count * 16);
}
