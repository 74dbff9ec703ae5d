/** @file Operators that compute each element from the elements at its place. */
import type { ParameterKind } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { Labeller } from '../labeller.ts';
import type { Operator, OperatorTable } from './operator.ts';

/** Only the first input is an array of that kind; the others, if any, are settings. */
const unary: Operator = (labeller, { inputs, outputs }) => {
  for (const output of outputs) labeller.put(output, labeller.get(inputs[0]!));
};

/** The first input itself, in another type or after a switch for training: a parameter stays one. */
const passing: Operator = (labeller, node) => {
  unary(labeller, node);
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  labeller.view(
    input,
    output,
    labeller.get(input).map((_, axis) => axis),
  );
};

/** What a parameter is that is combined element by element, by operator and place. */
const kinds: { readonly [op: string]: ParameterKind } = {
  Add: 'bias',
  Sub: 'bias',
  Sum: 'bias',
  Mul: 'scale',
  Div: 'scale',
  PRelu: 'scale',
};

const broadcasting: Operator = (labeller, node) => {
  const labels = node.inputs.map((name) => labeller.get(name));
  const result = labeller.broadcast(labels);
  labeller.put(node.outputs[0]!, result);
  useOperands(labeller, node);
};

function useOperands(labeller: Labeller, node: OnnxNode): void {
  const kind = kinds[node.op];
  const parameters = node.inputs.filter((name) => labeller.isView(name));
  // Between two parameters it makes a new one of them.
  if (parameters.length === node.inputs.length) return;
  for (const name of parameters) {
    labeller.use(
      name,
      node,
      kind ?? 'weight',
      labeller.get(name).map(() => (kind === 'bias' ? 'out' : 'index')),
    );
  }
}

const unaries = [
  ...['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Celu', 'Cos', 'Cosh', 'Elu', 'Erf', 'Exp'],
  ...['Floor', 'Gelu', 'HardSigmoid', 'HardSwish', 'IsInf', 'IsNaN', 'LeakyRelu', 'Log', 'Mish', 'Neg', 'Not'],
  ...['Reciprocal', 'Relu', 'Round', 'Selu', 'Shrink', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Softsign'],
  ...['Sqrt', 'Swish', 'Tan', 'Tanh', 'ThresholdedRelu', 'BitwiseNot', 'Clip'],
  ...['com.microsoft.Gelu', 'com.microsoft.QuickGelu'],
];
const passings = ['Identity', 'Cast', 'CastLike', 'Dropout'];
const broadcastings = [
  ...['Add', 'And', 'BitShift', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'Div', 'Equal', 'Greater', 'GreaterOrEqual'],
  ...['Less', 'LessOrEqual', 'Max', 'Mean', 'Min', 'Mod', 'Mul', 'Or', 'PRelu', 'Pow', 'Sub', 'Sum', 'Where', 'Xor'],
  ...['com.microsoft.BiasGelu', 'com.microsoft.FastGelu'],
];

/** The first output of `DynamicQuantizeLinear` has its input's labels, its scale and zero point are single numbers. */
const dynamicQuantize: Operator = (labeller, { inputs, outputs }) => {
  labeller.put(outputs[0]!, labeller.get(inputs[0]!));
  for (const output of outputs.slice(1)) labeller.put(output, []);
};

const table = (names: readonly string[], operator: Operator): OperatorTable =>
  Object.fromEntries(names.map((name) => [name, operator]));

export const elementwise: OperatorTable = {
  ...table(unaries, unary),
  ...table(broadcastings, broadcasting),
  ...table(passings, passing),
  DynamicQuantizeLinear: dynamicQuantize,
};
