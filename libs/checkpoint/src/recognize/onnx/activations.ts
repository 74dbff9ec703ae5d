/** @file What is applied to neurons, as far as it is one operator on each of them. */
import type { ActivationSpec, LabelledNetwork } from '@weightspace/architecture';

import type { Evaluation } from './evaluate.ts';
import type { OnnxNode } from './graph.ts';
import type { Labeller } from './labeller.ts';

/** Stands in a tensor's labels for spaces that only parts of it have, so that it might be any. */
export const SEVERAL = '*';

/** A network whose tensors' labels are known by name. */
export interface LabelledModel {
  readonly network: LabelledNetwork;
  readonly labeller: Labeller;
  /** Names of the spaces along each axis of a tensor. */
  axesOf(tensor: string): readonly (readonly string[])[];
  /** Names of the spaces in a parameter's label. */
  spacesOf(label: string): readonly string[];
}

const NONLINEAR = [
  ...['Celu', 'Clip', 'Elu', 'Erf', 'Gelu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Mish', 'PRelu', 'Relu', 'Selu'],
  ...['Sigmoid', 'Sin', 'Cos', 'Softplus', 'Softsign', 'Swish', 'Tanh', 'ThresholdedRelu', 'Softmax', 'LogSoftmax'],
];

/** The only reader of a tensor, where that is an activation. */
export function activationAfter({ nodes }: Evaluation, tensor: string): OnnxNode | undefined {
  const readers = nodes.filter(({ inputs }) => inputs.includes(tensor));
  const [only] = readers;
  return readers.length === 1 && NONLINEAR.includes(only!.op) && only!.inputs[0] === tensor ? only : undefined;
}

/** By space, the first activation of a tensor that has it as an axis of its own. */
export function activationsOf({ labeller, axesOf }: LabelledModel): Map<string, OnnxNode> {
  const found = new Map<string, OnnxNode>();
  for (const node of labeller.evaluation.nodes) {
    if (!NONLINEAR.includes(node.op)) continue;
    for (const [only, ...others] of axesOf(node.inputs[0]!)) {
      if (only !== undefined && others.length === 0 && !found.has(only)) found.set(only, node);
    }
  }
  return found;
}

/** As an architecture says it; identity for what it has no word for. */
export function activationSpec(node: OnnxNode | undefined): ActivationSpec {
  switch (node?.op) {
    case 'Relu':
      return { kind: 'relu' };
    case 'Tanh':
      return { kind: 'tanh' };
    case 'Sigmoid':
      return { kind: 'sigmoid' };
    case 'Gelu':
      return { kind: 'gelu' };
    case 'LeakyRelu':
      return { kind: 'leaky-relu', slope: node.attributes.float('alpha', 0.01) };
    case 'Sin':
      return { kind: 'sine', omega: 1 };
    default:
      return { kind: 'identity' };
  }
}
