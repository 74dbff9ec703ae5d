/** @file Stored bytes as numbers, and numbers as compute takes them. */
import { e4m3ToNumber, halfToNumber, sizeOf } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';

import { CheckpointError } from './checkpoint-error.ts';
import { numberBytes } from './dtypes.ts';
import type { TensorArray, TensorData, TensorDType } from './dtypes.ts';

/**
 * @param bytes little-endian, row-major
 * @returns every value exactly; the array may share the memory of `bytes`
 */
export function decode(dtype: TensorDType, bytes: Uint8Array): TensorArray {
  switch (dtype) {
    case 'float16':
      return lookUp(halves(), typed(Uint16Array, bytes), 0);
    case 'bfloat16':
      return upperHalves(typed(Uint16Array, bytes));
    case 'float8_e4m3fn':
      return lookUp(E4M3, bytes, 0);
    case 'float8_e5m2':
      // The upper half of a float16.
      return lookUp(halves(), bytes, 8);
    default:
      return typed(ARRAYS[dtype] as ArrayConstructor<TensorArray>, bytes);
  }
}

/**
 * Values for the numerics, which know float32, int32 and bool.
 *
 * float16, bfloat16 and float8 become float32, and 8- and 16-bit integers int32, all exactly. float64, int64, uint64 and
 * uint32 are refused where a value changes, unless `lossy`: then float64 is rounded, and integers beyond int32 become
 * the nearest float32 (all of the tensor).
 *
 * @throws {CheckpointError} on a value that would change, and on complex numbers
 */
export function asNdArray(tensor: TensorData, place: { file: string; at: string }, lossy = false): NdArray {
  const { dtype, shape, data } = tensor;
  if (dtype === 'bool') return { dtype: 'bool', shape, data: data as Uint8Array };
  if (dtype.startsWith('complex'))
    throw new CheckpointError({
      ...place,
      expected: 'real numbers',
      found: dtype,
      remedy: 'read() gives real and imaginary parts in turn',
    });
  if (data instanceof Float32Array) return { dtype: 'float32', shape, data };
  if (data instanceof Int32Array) return { dtype: 'int32', shape, data };
  const isFloat = data instanceof Float64Array;
  const target = isFloat ? new Float32Array(data.length) : new Int32Array(data.length);
  const bad = convertInto(target, data);
  if (bad < 0) return { dtype: isFloat ? 'float32' : 'int32', shape, data: target as Float32Array };
  if (lossy) return { dtype: 'float32', shape, data: isFloat ? (target as Float32Array) : nearest(data) };
  throw new CheckpointError({
    ...place,
    expected: `${dtype} values that are ${isFloat ? 'float32' : 'int32'} too`,
    found: `${data[bad]} at ${bad}`,
    remedy: 'read() gives every value exactly; ndarray({ lossy: true }) takes the nearest float32',
  });
}

/** @returns the first index whose value changed, or −1 */
function convertInto(target: Float32Array | Int32Array, data: TensorArray): number {
  let bad = -1;
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]!);
    target[i] = value;
    if (bad < 0 && !Object.is(target[i], value)) bad = i;
  }
  return bad;
}

const nearest = (data: TensorArray) => Float32Array.from({ length: data.length }, (_, i) => Number(data[i]!));

/** The tensor's values as bytes: little-endian, row-major; the memory is shared where it can be. */
export function encode({ dtype, data, shape }: TensorData): Uint8Array {
  const constructor = Object.hasOwn(ARRAYS, dtype) ? ARRAYS[dtype as keyof typeof ARRAYS] : undefined;
  const parts = dtype.startsWith('complex') ? 2 : 1;
  if (!constructor || !(data instanceof constructor) || data.length !== sizeOf(shape) * parts) {
    const wanted = constructor
      ? `a ${constructor.name} of ${sizeOf(shape) * parts} values`
      : 'a dtype of a typed array';
    throw new RangeError(
      `encode: ${dtype} of shape [${shape.join(', ')}] must have ${wanted}, got a ${data.constructor.name} of ${data.length}`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Turns the bytes of every number around, in place. */
export function swapBytes(dtype: TensorDType, bytes: Uint8Array): Uint8Array {
  const width = numberBytes(dtype);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) buffer.swap16();
  if (width === 4) buffer.swap32();
  if (width === 8) buffer.swap64();
  return bytes;
}

const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  complex64: Float32Array,
  complex128: Float64Array,
} as const;

interface ArrayConstructor<T> {
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** A view on the bytes, or on an aligned copy of them. */
function typed<T>(constructor: ArrayConstructor<T>, bytes: Uint8Array): T {
  const width = constructor.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new constructor(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / width));
}

function lookUp(table: Float32Array, bits: Uint8Array | Uint16Array, shift: number): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]! << shift]!;
  return values;
}

/** bfloat16 is the upper half of a float32. */
function upperHalves(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

let halfTable: Float32Array | undefined;

/** All numbers of half precision, made when first asked for. */
function halves(): Float32Array {
  halfTable ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfToNumber(bits));
  return halfTable;
}

const E4M3 = Float32Array.from({ length: 256 }, (_, bits) => e4m3ToNumber(bits));
