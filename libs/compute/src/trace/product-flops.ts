/** @file How much work a graph's matrix products and convolutions are. */
import { sizeOf } from '../nd-array.ts';
import type { Node } from './graph.ts';

/** @returns floating-point operations of one run, a multiply-add counted as two; elementwise work isn't counted */
export const productFlops = (nodes: readonly Node[]): number =>
  nodes.reduce((sum, node) => sum + (perNode[node.op]?.(node) ?? 0), 0);

const perNode: { readonly [op: string]: (node: Node) => number } = {
  MatMul: ({ inputs, outputs }) => 2 * sizeOf(outputs[0]!.shape) * inputs[0]!.shape.at(-1)!,
  Gemm: ({ inputs, outputs, attributes }) =>
    2 * sizeOf(outputs[0]!.shape) * inputs[0]!.shape[attributes['transA'] === 1 ? 0 : 1]!,
  // A weight is [out, in / groups, …kernel], and each output value sees one such row.
  Conv: ({ inputs, outputs }) => 2 * sizeOf(outputs[0]!.shape) * sizeOf(inputs[1]!.shape.slice(1)),
  // Its transpose: each input value spreads over one row.
  ConvTranspose: ({ inputs }) => 2 * sizeOf(inputs[0]!.shape) * sizeOf(inputs[1]!.shape.slice(1)),
};
