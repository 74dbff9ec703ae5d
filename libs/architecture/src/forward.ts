/** @file What the networks compute. Pure and traceable: static shapes, no reading of values. */
import { mapValues, ShapeError, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { activateScaled, activationGain } from './activations/activation.ts';
import type { Architecture, InputSpec } from './architecture.ts';
import { layerKind } from './layers/layer-kind.ts';
import type { LayerSpec } from './layers/layer-kind.ts';
import { checkSingle, checkStacked } from './parameters.ts';
import { stackShared, withoutLoneNetwork } from './stacked.ts';

/** The input: one tensor, or one by name where an architecture has several. */
export type ForwardInput = Tensor | Tensors;

/** How networks are run while they train. */
export interface ForwardOptions {
  /** Batch norms take mean and variance from the batch in place of their statistics. */
  readonly training?: boolean;
  /** Gets what each layer writes, after its activation, and gives what goes on, e.g. with dropout. */
  readonly after?: (value: Tensor, layer: LayerSpec) => Tensor;
}

/**
 * One network's output.
 *
 * Letters: P points, I and O neurons of input and output. Where values have positions (pixels, tokens), these stand before
 * the neurons: `[P, H, W, C]`.
 * @param params by name; shape `[…shape]`
 * @param x shape `[P, …positions, I]`
 * @returns shape `[P, …positions, O]`
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function forward(architecture: Architecture, params: Tensors, x: ForwardInput): Tensor {
  checkSingle('forward', architecture, params);
  return tf.tidy(() => {
    const stacked = mapValues(params, (p) => tf.expandDims(p, 0));
    return tf.squeeze(run('forward', architecture, stacked, 1, x, false).output, [0]);
  });
}

/**
 * Outputs of N networks at once.
 *
 * Letters: N networks, P points, I and O neurons of input and output.
 * @param params by name; shape `[N, …shape]`
 * @param x shape `[P, …positions, I]` when all networks see the same, else `[N, P, …positions, I]`
 * @returns shape `[N, P, …positions, O]`
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function forwardStacked(
  architecture: Architecture,
  params: Tensors,
  x: ForwardInput,
  options: ForwardOptions = {},
): Tensor {
  const count = checkStacked('forwardStacked', architecture, params);
  return tf.tidy(() => run('forwardStacked', architecture, params, count, x, true, options).output);
}

/**
 * Mean and variance of the batch in each batch norm of N networks in training: what running statistics follow. In a
 * compiled function it costs nothing beside `forwardStacked` with the same arguments.
 *
 * @param params by name; shape `[N, …shape]`
 * @param x as in `forwardStacked`
 * @returns by the names of the statistics, e.g. `norm1.running_mean`; shape `[N, channels]`; the variance is unbiased, as
 *   PyTorch's running variance; nothing for networks without batch norms
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function batchStatistics(
  architecture: Architecture,
  params: Tensors,
  x: ForwardInput,
  options: ForwardOptions = {},
): Tensors {
  const count = checkStacked('batchStatistics', architecture, params);
  return tf.tidy(
    () => run('batchStatistics', architecture, params, count, x, true, { ...options, training: true }).statistics,
  );
}

/**
 * Values of all neurons of N networks, after activation.
 *
 * @param params by name; shape `[N, …shape]`
 * @param x shape `[P, …positions, I]` when all networks see the same, else `[N, P, …positions, I]`
 * @returns by the name of the value, which in an MLP is the name of the space; input and output (with its offset) too;
 *   shape `[N, P, …positions, n]`
 * @throws {ParameterError | ShapeError} when parameters or input don't fit the architecture
 */
export function activationsStacked(architecture: Architecture, params: Tensors, x: ForwardInput): Tensors {
  const count = checkStacked('activationsStacked', architecture, params);
  return tf.tidy(() => {
    const { output, values } = run('activationsStacked', architecture, params, count, x, true);
    const positions = new Map(architecture.values.map((value) => [value.name, value.positions]));
    const all = Object.fromEntries(
      [...values].map(([name, value]) => [name, stackShared(value, positions.get(name)!, count)]),
    );
    return { ...all, [architecture.spec.output]: output };
  });
}

function run(
  fn: string,
  architecture: Architecture,
  params: Tensors,
  count: number,
  x: ForwardInput,
  stacked: boolean,
  { training = false, after = (value) => value }: ForwardOptions = {},
): { readonly output: Tensor; readonly values: ReadonlyMap<string, Tensor>; readonly statistics: Tensors } {
  const { spec } = architecture;
  const statistics: Record<string, Tensor> = {};
  const values = new Map<string, Tensor>();
  for (const input of spec.inputs) {
    const given = inputOf(architecture, x, input.name);
    checkInput(fn, input, given, count, stacked);
    values.set(input.name, given);
  }
  const described = new Map(architecture.values.map((value) => [value.name, value]));
  for (const layer of spec.layers) {
    const inputs = layer.inputs.map((name) => values.get(name)!);
    const context = {
      count,
      inputs: layer.inputs.map((name) => described.get(name)!),
      output: described.get(layer.output)!,
      ...(training ? { statistics } : {}),
    };
    const own = parametersOf(architecture, layer, params);
    const scaled = layerKind(layer.kind).apply(layer, own, inputs, activationGain(layer.activation), context);
    const value = withoutLoneNetwork(scaled, context.output.positions, count);
    values.set(layer.output, after(activateScaled(value, layer.activation), layer));
  }
  const y = stackShared(values.get(spec.output)!, described.get(spec.output)!.positions, count);
  return { output: spec.outputOffset === 0 ? y : tf.add(y, spec.outputOffset), values, statistics };
}

/** A layer's parameters by the names that its kind gave them, shared ones included. */
function parametersOf({ parameters }: Architecture, layer: LayerSpec, params: Tensors): Tensors {
  const own = parameters
    .filter((p) => p.layer === layer.name)
    .map(({ name }) => [name.slice(layer.name.length + 1), params[name]!] as const);
  const tied = Object.entries(layer.tied ?? {}).map(([name, { parameter, transposed }]) => {
    const shared = params[parameter]!;
    const order = shared.shape.map((_, axis) => (axis === 0 ? 0 : shared.rank - axis));
    return [name, transposed ? tf.transpose(shared, order) : shared] as const;
  });
  return Object.fromEntries([...own, ...tied]);
}

const inputOf = ({ spec }: Architecture, x: ForwardInput, name: string): Tensor | undefined =>
  x instanceof tf.Tensor ? (spec.inputs.length === 1 ? x : undefined) : x[name];

function checkInput(
  fn: string,
  { name, size, positions = [] }: InputSpec,
  input: Tensor | undefined,
  count: number,
  stacked: boolean,
): asserts input is Tensor {
  const shape = input?.shape ?? [];
  const own = [...positions, size];
  const wanted = stacked && shape.length === own.length + 2 ? [`N=${count}`, 'P', ...own] : ['P', ...own];
  const fits = shape.length === wanted.length && own.join() === shape.slice(-own.length).join();
  if (fits && (wanted.length < own.length + 2 || shape[0] === count)) return;
  throw new ShapeError(fn, `input '${name}'`, [...wanted.slice(0, -1), `I=${size}`], shape);
}
