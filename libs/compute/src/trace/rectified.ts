/** @file ReLU joined with the convolution before it, and its gradient in fewer passes. */
import { isUniform } from './graph.ts';
import type { Graph, Node, Value, ValueType } from './graph.ts';

/** Where ONNX Runtime keeps its convolutions on blocked images. */
export const BLOCKED = 'com.microsoft.nchwc';

/** The node that makes a value, reshaped or not. */
export const makerOf = (x: Value): Node | undefined => (x.node?.op === 'Reshape' ? makerOf(x.node.inputs[0]!) : x.node);

/** The convolution that x comes from, with a ReLU at its end; x itself where it comes from something else. */
export function withRelu(graph: Graph, x: Value): Value {
  const maker = makerOf(x);
  if (maker?.domain !== BLOCKED || maker.op !== 'Conv' || 'activation' in maker.attributes) return x;
  const [{ shape, type }] = maker.outputs as [Value];
  return graph.add(maker.op, maker.inputs, { shape, type }, { ...maker.attributes, activation: 'Relu' }, BLOCKED);
}

/** Settings of `HardSigmoid`, with a slope above the reciprocal of the smallest normal number. */
export const POSITIVE: readonly [number, number] = [3e38, 0];

/**
 * The number 1 where y > 0 and else 0, for a y that a ReLU made: min(1, 3e38·y), in one pass rather than two.
 *
 * @param x the comparison @returns x itself where it is something else
 */
export function positiveAsNumber(graph: Graph, x: Value, type: ValueType): Value {
  if (type !== 'float32' || x.node?.op !== 'Greater') return x;
  const [y, zero] = x.node.inputs as [Value, Value];
  const maker = makerOf(y);
  const rectified = maker?.op === 'Relu' || maker?.attributes['activation'] === 'Relu';
  if (!rectified || !isUniform(zero, 0) || y.type !== 'float32') return x;
  return graph.add(
    'HardSigmoid',
    [y],
    { shape: y.shape, type },
    { alpha: { float: POSITIVE[0] }, beta: { float: POSITIVE[1] } },
  );
}
