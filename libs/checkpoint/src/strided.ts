/** @file Views with strides as row-major bytes: transposed, sliced and repeated tensors, Fortran's order. */
import { sizeOf } from '@weightspace/compute';

/** Strides of a row-major tensor, in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape.toReversed()) {
    strides.unshift(stride);
    stride *= Math.max(1, size);
  }
  return strides;
}

/** Strides of a column-major (Fortran's) tensor, in elements. */
export const columnMajorStrides = (shape: readonly number[]): number[] =>
  rowMajorStrides(shape.toReversed()).toReversed();

/** Whether the strides say row-major order; those of axes of size 1 never matter. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  if (sizeOf(shape) === 0) return true;
  const expected = rowMajorStrides(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === expected[axis]);
}

/** Elements from the first to behind the last that a view with these strides touches. */
export const extent = (shape: readonly number[], strides: readonly number[]): number =>
  sizeOf(shape) === 0 ? 0 : 1 + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);

/**
 * Copies a view's elements in row-major order.
 *
 * @param bytes from the view's first element on, as many as `extent` says
 * @param width bytes per element
 * @param strides in elements, not negative
 */
export function gather(
  bytes: Uint8Array,
  width: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  if (isRowMajor(shape, strides)) return bytes.subarray(0, sizeOf(shape) * width);
  // Elements wider than 4 bytes are copied as several words, along one more axis: floats could lose a NaN's bits.
  const word = Math.min(width, 4);
  const words = width / word;
  const source = wordsOf(bytes, word);
  const target = wordsOf(new Uint8Array(sizeOf(shape) * width), word);
  copy(source, target, [...shape, words], [...strides.map((stride) => stride * words), 1]);
  return new Uint8Array(target.buffer);
}

type Words = Uint8Array | Uint16Array | Uint32Array;

function wordsOf(bytes: Uint8Array, word: number): Words {
  const { buffer, byteOffset, byteLength } = byteOf(bytes, word);
  if (word === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  return word === 2
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : new Uint32Array(buffer, byteOffset, byteLength / 4);
}

const byteOf = (bytes: Uint8Array, word: number) => (bytes.byteOffset % word === 0 ? bytes : bytes.slice());

/** Counts through all axes but the last, which is a loop of its own. */
function copy(source: Words, target: Words, shape: readonly number[], strides: readonly number[]): void {
  const axes = shape.length - 1;
  const [inner, step] = [shape[axes]!, strides[axes]!];
  const index = new Array<number>(axes).fill(0);
  let from = 0;
  for (let to = 0; to < target.length;) {
    for (let i = 0, at = from; i < inner; i++, at += step) target[to++] = source[at]!;
    let axis = axes - 1;
    for (; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
    if (axis < 0) break;
  }
}
