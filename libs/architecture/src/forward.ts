/** @file What the networks compute. Pure and traceable: static shapes, no reading of values. */
import { mapValues, ShapeError, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { activateScaled, activationGain } from './activations/activation.ts';
import type { Architecture } from './architecture.ts';
import { layerKind } from './layers/layer-kind.ts';
import { checkSingle, checkStacked } from './parameters.ts';

/** The input: one tensor, or one by name where an architecture has several. */
export type ForwardInput = Tensor | Tensors;

/**
 * One network's output.
 *
 * Letters: P points, I and O neurons of input and output.
 * @param params by name; shape `[…shape]`
 * @param x shape `[P, I]`
 * @returns shape `[P, O]`
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function forward(architecture: Architecture, params: Tensors, x: ForwardInput): Tensor {
  checkSingle('forward', architecture, params);
  return tf.tidy(() => {
    const stacked = mapValues(params, (p) => tf.expandDims(p, 0));
    return tf.squeeze(run('forward', architecture, stacked, 1, x, [2]).output, [0]);
  });
}

/**
 * Outputs of N networks at once.
 *
 * Letters: N networks, P points, I and O neurons of input and output.
 * @param params by name; shape `[N, …shape]`
 * @param x shape `[P, I]` when all networks see the same, else `[N, P, I]`
 * @returns shape `[N, P, O]`
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function forwardStacked(architecture: Architecture, params: Tensors, x: ForwardInput): Tensor {
  const count = checkStacked('forwardStacked', architecture, params);
  return tf.tidy(() => run('forwardStacked', architecture, params, count, x, [2, 3]).output);
}

/**
 * Values of all neurons of N networks, after activation.
 *
 * @param params by name; shape `[N, …shape]`
 * @param x shape `[P, I]` when all networks see the same, else `[N, P, I]`
 * @returns by the name of the value, which in an MLP is the name of the space; input and output (with its offset) too;
 *   shape `[N, P, n]`
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function activationsStacked(architecture: Architecture, params: Tensors, x: ForwardInput): Tensors {
  const count = checkStacked('activationsStacked', architecture, params);
  return tf.tidy(() => {
    const { output, values } = run('activationsStacked', architecture, params, count, x, [2, 3]);
    const all = mapValues(Object.fromEntries(values), (value) => stackShared(value, count));
    return { ...all, [architecture.spec.output]: output };
  });
}

function run(
  fn: string,
  architecture: Architecture,
  params: Tensors,
  count: number,
  x: ForwardInput,
  ranks: readonly number[],
): { readonly output: Tensor; readonly values: ReadonlyMap<string, Tensor> } {
  const { spec, parameters } = architecture;
  const values = new Map<string, Tensor>();
  for (const { name, size } of spec.inputs) {
    const input = inputOf(architecture, x, name);
    checkInput(fn, name, input, size, count, ranks);
    values.set(name, input);
  }
  for (const layer of spec.layers) {
    const own = parameters.filter((p) => p.layer === layer.name);
    const byName = Object.fromEntries(own.map(({ name }) => [name.slice(layer.name.length + 1), params[name]!]));
    const inputs = layer.inputs.map((name) => values.get(name)!);
    const scaled = layerKind(layer.kind).apply(layer, byName, inputs, activationGain(layer.activation));
    values.set(layer.output, activateScaled(scaled, layer.activation));
  }
  const y = stackShared(values.get(spec.output)!, count);
  return { output: spec.outputOffset === 0 ? y : tf.add(y, spec.outputOffset), values };
}

const inputOf = ({ spec }: Architecture, x: ForwardInput, name: string): Tensor | undefined =>
  x instanceof tf.Tensor ? (spec.inputs.length === 1 ? x : undefined) : x[name];

function checkInput(
  fn: string,
  name: string,
  input: Tensor | undefined,
  size: number,
  count: number,
  ranks: readonly number[],
): asserts input is Tensor {
  const shape = input?.shape ?? [];
  const fits = ranks.includes(shape.length) && shape.at(-1) === size && (shape.length === 2 || shape[0] === count);
  if (fits) return;
  const expected = shape.length === 3 && ranks.includes(3) ? [`N=${count}`, 'P', `I=${size}`] : ['P', `I=${size}`];
  throw new ShapeError(fn, `input '${name}'`, expected, shape);
}

/** A value that all networks share, once for each of them. */
const stackShared = (value: Tensor, count: number): Tensor =>
  value.rank === 3 ? value : tf.tile(tf.expandDims(value, 0), [count, 1, 1]);
