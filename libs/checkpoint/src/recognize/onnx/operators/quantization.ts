/** @file Quantization: whole numbers with a scale and a zero point, for a whole tensor or for each member of an axis. */
import { axisFrom } from './operator.ts';
import type { Operator, OperatorTable } from './operator.ts';

const perAxis: Operator = (labeller, node) => {
  const [input, scale, zero] = node.inputs as [string, string, string?];
  const x = labeller.get(input);
  const result = [...x];
  for (const name of [scale, zero]) {
    if (!name) continue;
    const labels = labeller.get(name);
    const axis = axisFrom(node.attributes.int('axis', 1), x.length);
    if (labels.length === 1) {
      labeller.unify(labels[0], result[axis]);
      result[axis] ??= labels[0];
      labeller.use(name, node, 'scale', ['index']);
    } else if (labels.length > 1) {
      // Blocks of the axis share a scale.
      labeller.freezeReported(node, [...labels, ...x], 'scales for blocks are not understood');
    }
  }
  labeller.put(node.outputs[0]!, result);
  labeller.view(
    input,
    node.outputs[0]!,
    x.map((_, i) => i),
  );
};

/** One scale and zero point for each tensor. */
const sums: Operator = (labeller, node) => {
  const result = labeller.broadcast([labeller.get(node.inputs[0]!), labeller.get(node.inputs[3]!)]);
  labeller.put(node.outputs[0]!, result);
};

const through: Operator = (labeller, node) => labeller.put(node.outputs[0]!, labeller.get(node.inputs[0]!));

const globalAverage: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  labeller.remove(
    x,
    x.slice(2).map((_, i) => i + 2),
  );
  labeller.put(node.outputs[0]!, [x[0], x[1], ...x.slice(2).map(() => undefined)]);
};

export const quantizations: OperatorTable = {
  QuantizeLinear: perAxis,
  DequantizeLinear: perAxis,
  'com.microsoft.QuantizeLinear': perAxis,
  'com.microsoft.DequantizeLinear': perAxis,
  'com.microsoft.QLinearAdd': sums,
  'com.microsoft.QLinearMul': sums,
  'com.microsoft.QLinearSigmoid': through,
  'com.microsoft.QLinearLeakyRelu': through,
  'com.microsoft.QLinearGlobalAveragePool': globalAverage,
};

/** Which inputs of an operator are weights although they are whole numbers: of `DequantizeLinear` the first, and so on. */
export const quantizedInputs: { readonly [op: string]: readonly number[] } = {
  QuantizeLinear: [2],
  DequantizeLinear: [0, 2],
  'com.microsoft.QuantizeLinear': [2],
  'com.microsoft.DequantizeLinear': [0, 2],
  QLinearConv: [3, 5, 8],
  QLinearMatMul: [0, 3, 2, 5],
  ConvInteger: [1, 3],
  MatMulInteger: [0, 1, 2, 3],
};
