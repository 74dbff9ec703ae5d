/** @file Sign, scale and phase: claimed only where products and activations alone touch a space. */
import { noSymmetries } from '@weightspace/architecture';
import type { ParameterSpec, Space, SpaceSymmetries } from '@weightspace/architecture';

import { SEVERAL } from './activations.ts';
import type { LabelledModel } from './activations.ts';
import type { OnnxNode } from './graph.ts';

/** What a change of a neuron's sign or scale does when it meets an operator. */
interface Passes {
  readonly sign: boolean;
  readonly scale: boolean;
}

const LINEAR: Passes = { sign: true, scale: true };
const passes: { readonly [op: string]: Passes } = {
  ...Object.fromEntries(
    [
      ...['Identity', 'Dropout', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Expand'],
      ...['AveragePool', 'GlobalAveragePool', 'ReduceMean', 'ReduceSum'],
    ].map((op) => [op, LINEAR]),
  ),
  Relu: { sign: false, scale: true },
  LeakyRelu: { sign: false, scale: true },
  MaxPool: { sign: false, scale: true },
  GlobalMaxPool: { sign: false, scale: true },
  Tanh: { sign: true, scale: false },
  Sin: { sign: true, scale: false },
};
const PRODUCTS = ['Gemm', 'MatMul', 'Conv', 'ConvTranspose'];

/**
 * Exact symmetries of each neuron of a space, beyond the order.
 *
 * They are claimed for spaces that a product with a weight writes, one activation is applied to, and products with weights
 * read; pooling and reshaping may lie between. Anything else that touches the space leaves permutations alone.
 */
export function symmetriesOf(model: LabelledModel, space: Space): SpaceSymmetries {
  if (!space.free || space.within !== undefined || space.kind !== 'neuron') return noSymmetries;
  const parameters = model.network.parameters.filter(({ axes }) => axes.some((axis) => has(model, axis, space)));
  if (!parameters.every((parameter) => isPlain(model, parameter, space))) return noSymmetries;
  const tensors = touchedBy(model, space);
  const nodes = model.labeller.evaluation.nodes.filter(({ inputs, outputs }) =>
    [...inputs, ...outputs].some((name) => tensors.has(name)),
  );
  const found = nodes.map((node) => passing(model, node, space, parameters, tensors));
  if (found.some((pass) => pass === undefined)) return noSymmetries;
  return {
    sign: found.every((pass) => pass!.sign),
    scale: found.every((pass) => pass!.scale),
    phase: phaseOf(model, nodes, parameters, tensors, space),
  };
}

/** Whether an axis with this label has anything of the space. */
const has = ({ spacesOf }: LabelledModel, label: string, { name }: Space): boolean => spacesOf(label).includes(name);

/** Tensors that aren't parameters or constants and have an axis of the space. */
function touchedBy(model: LabelledModel, space: Space): Set<string> {
  const { tensors, evaluation } = model.labeller;
  return new Set(
    [...tensors.keys()].filter(
      (name) =>
        !evaluation.isConstant(name) &&
        model.axesOf(name).some((axis) => axis.includes(space.name) || axis.includes(SEVERAL)),
    ),
  );
}

/** Weights that write or read the space on one axis, and biases. */
function isPlain(model: LabelledModel, { kind, axes, roles }: ParameterSpec, space: Space): boolean {
  const own = axes.flatMap((label, axis) => (has(model, label, space) ? [axis] : []));
  if (own.length !== 1) return false;
  const role = roles[own[0]!];
  if (kind === 'bias') return role === 'out' && axes[own[0]!] === space.name;
  return kind === 'weight' && (role === 'in' || (role === 'out' && axes[own[0]!] === space.name));
}

/** @returns undefined where nothing is known of the operator, or it does more than pass the space on */
function passing(
  model: LabelledModel,
  node: OnnxNode,
  space: Space,
  parameters: readonly ParameterSpec[],
  tensors: ReadonlySet<string>,
): Passes | undefined {
  const { labeller } = model;
  const known = Object.hasOwn(passes, node.op) ? passes[node.op] : undefined;
  if (known) {
    // What sums the space up doesn't pass it on.
    const passed = node.outputs.every((name) => name === '' || tensors.has(name));
    return node.domain === '' && passed ? known : undefined;
  }
  const [computed, given] = [
    node.inputs.filter((name) => name !== '' && !labeller.isView(name)),
    node.inputs.filter((name) => name !== '' && labeller.isView(name)),
  ];
  if (computed.length !== 1) return scalarFactor(model, node) === undefined ? undefined : LINEAR;
  if (PRODUCTS.includes(node.op)) {
    const writes = node.outputs.some((name) => tensors.has(name));
    // A depthwise convolution reads and writes the same channels, so that a scale would go in twice.
    if (writes && computed.some((name) => tensors.has(name))) return undefined;
    // Everything that is added to what it writes must change with it.
    const biased = given
      .slice(1)
      .every((name) => !writes || parameters.some((p) => p.kind === 'bias' && labeller.rootOf(name) === p.name));
    return biased ? LINEAR : undefined;
  }
  const isBias =
    node.op === 'Add' &&
    given.length === 1 &&
    parameters.some((p) => p.kind === 'bias' && p.name === labeller.rootOf(given[0]!));
  return isBias ? LINEAR : undefined;
}

/** The number by which a `Mul` multiplies a computed tensor, if that is a single constant above 0. */
function scalarFactor({ labeller }: LabelledModel, node: OnnxNode): number | undefined {
  if (node.op !== 'Mul') return undefined;
  const constants = node.inputs.filter((name) => labeller.evaluation.isConstant(name));
  const numbers = constants.length === 1 ? labeller.numbers(constants[0]) : undefined;
  return numbers?.length === 1 && numbers[0]! > 0 ? numbers[0] : undefined;
}

/**
 * π/ω where the space is sin(ω · (product + bias)) and nothing else reads what stands inside of the sine.
 *
 * Then k half periods in the bias change the sign by (−1)ᵏ.
 */
function phaseOf(
  model: LabelledModel,
  nodes: readonly OnnxNode[],
  parameters: readonly ParameterSpec[],
  tensors: ReadonlySet<string>,
  space: Space,
): number | undefined {
  const sines = nodes.filter(({ op }) => op === 'Sin');
  const biases = parameters.filter(({ kind }) => kind === 'bias');
  const writers = nodes.filter(({ op, outputs }) => PRODUCTS.includes(op) && outputs.some((name) => tensors.has(name)));
  if (sines.length !== 1 || biases.length !== 1 || writers.length !== 1) return undefined;
  if (biases[0]!.axes.some((axis) => axis !== space.name && axis !== 'one')) return undefined;
  if (writers[0]!.attributes.float('beta', 1) !== 1) return undefined;
  const { evaluation } = model.labeller;
  let [omega, at] = [1, sines[0]!.inputs[0]!];
  for (;;) {
    if (evaluation.nodes.filter(({ inputs }) => inputs.includes(at)).length !== 1) return undefined;
    const maker = evaluation.nodes.find(({ outputs }) => outputs.includes(at))!;
    if (maker === writers[0]) return maker.op === 'MatMul' ? undefined : Math.PI / omega;
    const before = maker.inputs.find((name) => tensors.has(name));
    if (before === undefined) return undefined;
    if (maker.op === 'Add')
      return before === writers[0]!.outputs[0] && isOnlyRead(evaluation.nodes, before) ? Math.PI / omega : undefined;
    const factor = scalarFactor(model, maker);
    if (factor === undefined) return undefined;
    [omega, at] = [omega * factor, before];
  }
}

const isOnlyRead = (nodes: readonly OnnxNode[], name: string): boolean =>
  nodes.filter(({ inputs }) => inputs.includes(name)).length === 1;
