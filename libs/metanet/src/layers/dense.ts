/** @file A linear map of channels. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

/** `<name>.weight` `[C, D]` and `<name>.bias` `[D]`, both U(±1/√C), as `nn.Linear`. */
export function denseParameters(
  name: string,
  inputs: number,
  outputs: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const bound = 1 / Math.sqrt(inputs);
  const own = stream.split(name);
  return {
    [`${name}.weight`]: own.split('weight').uniform([inputs, outputs], -bound, bound),
    [`${name}.bias`]: own.split('bias').uniform([outputs], -bound, bound),
  };
}

/** x · weight over the last axis, as one product of two matrices. @param x shape `[…, C]` @returns shape `[…, D]` */
export function project(x: Tensor, weight_cd: Tensor): Tensor {
  const [C, D] = weight_cd.shape as [number, number];
  const rows = x.size / C;
  return tf.reshape(tf.matMul(tf.reshape(x, [rows, C]), weight_cd), [...x.shape.slice(0, -1), D]);
}

/** x · weight + bias over the last axis. @param x shape `[…, C]` @returns shape `[…, D]` */
export function projectAndAdd(x: Tensor, weight_cd: Tensor, bias_d: Tensor): Tensor {
  const [C, D] = weight_cd.shape as [number, number];
  // Added to the matrix, before it has its axes back, the bias is part of the product: ONNX Runtime's Gemm begins with it.
  const sum = tf.add(tf.matMul(tf.reshape(x, [x.size / C, C]), weight_cd), bias_d);
  return tf.reshape(sum, [...x.shape.slice(0, -1), D]);
}

export const dense = (params: Tensors, name: string, x: Tensor): Tensor =>
  projectAndAdd(x, params[`${name}.weight`]!, params[`${name}.bias`]!);

export const constantParameter = (value: number, shape: readonly number[]): NdArray<'float32'> =>
  ndarray(new Float32Array(shape.reduce((n, size) => n * size, 1)).fill(value), shape);
