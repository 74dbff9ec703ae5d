/**
 * @file A linear map of channels.
 *
 * Weights and biases may be M copies, with an axis for them before all others: copies lie as blocks, each is used by B/M of the
 * B networks that are the first axis of what is mapped.
 */
import { ndarray, ShapeError, tf } from '@weightspace/compute';
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

/**
 * x · weight over the last axis, as one product of two matrices; of two stacks of matrices where there are copies.
 *
 * @param x shape `[…, C]` @param weight_cd shape `[C, D]` or `[M, C, D]` @returns shape `[…, D]`
 */
export function project(x: Tensor, weight_cd: Tensor): Tensor {
  const [C, D] = weight_cd.shape.slice(-2) as [number, number];
  const rows = weight_cd.rank === 3 ? byCopy('project', x, weight_cd) : tf.reshape(x, [x.size / C, C]);
  return tf.reshape(tf.matMul(rows, weight_cd), [...x.shape.slice(0, -1), D]);
}

/** @param x shape `[B, …, C]` @returns shape `[M, …, C]`, the rows of all networks of a copy beside each other */
function byCopy(name: string, x: Tensor, { shape }: Tensor): Tensor {
  const [[B], C, M] = [x.shape as [number], x.shape.at(-1)!, shape[0]!];
  if (M === 0 || B % M !== 0)
    throw new ShapeError(name, 'copies', ['M', ...shape.slice(1)], shape, `M must divide B = ${B}`);
  return tf.reshape(x, [M, x.size / (M * C), C]);
}

/** @param x shape `[…, D]` @param bias_d shape `[D]` or `[M, D]` */
export function addBias(x: Tensor, bias_d: Tensor): Tensor {
  if (bias_d.rank === 1) return tf.add(x, bias_d);
  return tf.reshape(tf.add(byCopy('addBias', x, bias_d), tf.expandDims(bias_d, 1)), x.shape);
}

/** x · weight + bias over the last axis. @param x shape `[…, C]` @returns shape `[…, D]` */
export function projectAndAdd(x: Tensor, weight_cd: Tensor, bias_d: Tensor): Tensor {
  if (weight_cd.rank === 3 || bias_d.rank === 2) return addBias(project(x, weight_cd), bias_d);
  const [C, D] = weight_cd.shape as [number, number];
  // Added to the matrix, before it has its axes back, the bias is part of the product: ONNX Runtime's Gemm begins with it.
  const sum = tf.add(tf.matMul(tf.reshape(x, [x.size / C, C]), weight_cd), bias_d);
  return tf.reshape(sum, [...x.shape.slice(0, -1), D]);
}

export const dense = (params: Tensors, name: string, x: Tensor): Tensor =>
  projectAndAdd(x, params[`${name}.weight`]!, params[`${name}.bias`]!);

export const constantParameter = (value: number, shape: readonly number[]): NdArray<'float32'> =>
  ndarray(new Float32Array(shape.reduce((n, size) => n * size, 1)).fill(value), shape);
