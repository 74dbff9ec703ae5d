export { tf } from './tf.ts';
export type { Tensor } from './tf.ts';
export { fromTensor, mapValues, ndarray, rows, scalar, sizeOf, takeRows, toTensor, zeros } from './nd-array.ts';
export type { DType, NdArray, NdArrays, Tensors } from './nd-array.ts';
export { RandomStream } from './random-stream.ts';
export type { RandomState } from './random-stream.ts';
