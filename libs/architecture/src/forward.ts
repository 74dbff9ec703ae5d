/** @file What a network computes: one, or N at once. */
import { ShapeError, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { layerKindOf } from './layer-kinds.ts';
import type { Architecture } from './spec.ts';

/**
 * One network on P points. Pure and traceable.
 *
 * @param params by name, each of its `shape`
 * @param x_pi points; shape `[P, in]`
 * @returns shape `[P, out]`
 * @throws {ShapeError} when a parameter is missing or of another shape
 */
export function forward(architecture: Architecture, params: Tensors, x_pi: Tensor): Tensor {
  return tf.tidy(() => {
    const stacked = Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, tf.expandDims(value, 0) as Tensor]),
    );
    return tf.squeeze(forwardStacked(architecture, stacked, x_pi), [0]);
  });
}

/**
 * N networks at once. Pure and traceable.
 *
 * Letters: N networks, P points.
 *
 * @param params by name; shape `[N, …shape]`
 * @param x points; `[P, in]` that all networks share, or `[N, P, in]`
 * @returns shape `[N, P, out]`
 */
export function forwardStacked(architecture: Architecture, params: Tensors, x: Tensor): Tensor {
  const { values, output } = run(architecture, params, x);
  return values[output]!;
}

/**
 * The values of every space after its activation, including the input's (`x`) and the output's (`y`).
 *
 * @returns by space; shape `[N, P, size]`
 */
export function activationsStacked(architecture: Architecture, params: Tensors, x: Tensor): Record<string, Tensor> {
  const { values, spaceOf } = run(architecture, params, x);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [spaceOf(name), value]));
}

function run(architecture: Architecture, params: Tensors, x: Tensor) {
  const { spec, parameters } = architecture;
  const networks = checkParameters(architecture, params);
  const input = spec.inputs[0]!;
  if (x.shape.at(-1) !== input.size || (x.rank !== 2 && x.rank !== 3)) {
    throw new ShapeError('forwardStacked', 'x', x.rank === 2 ? ['P', input.size] : ['N', 'P', input.size], x.shape);
  }
  const points = x.rank === 3 ? x : (tf.tile(tf.expandDims(x, 0), [networks, 1, 1]) as Tensor);
  const values: Record<string, Tensor> = { [input.name]: points };
  for (const layer of spec.layers) {
    const own = parameters.filter((p) => p.layer === layer.name);
    const byPart = Object.fromEntries(own.map(({ name }) => [name.slice(layer.name.length + 1), params[name]!]));
    const value = layerKindOf(layer.kind).apply(
      layer,
      byPart,
      layer.inputs.map((name) => values[name]!),
    );
    values[layer.name] =
      layer.name === spec.output && spec.outputOffset !== 0 ? (tf.add(value, spec.outputOffset) as Tensor) : value;
  }
  const spaceOf = (name: string) => {
    if (name === input.name) return architecture.inputSpace;
    if (name === spec.output) return architecture.outputSpace;
    return parameters.find((p) => p.layer === name)?.axes[0] ?? name;
  };
  return { values, output: spec.output, spaceOf };
}

/** @returns N */
function checkParameters({ parameters }: Architecture, params: Tensors): number {
  const networks = params[parameters[0]!.name]?.shape[0] ?? 0;
  for (const { name, shape } of parameters) {
    const given = params[name];
    if (!given || given.shape.join() !== [networks, ...shape].join()) {
      throw new ShapeError(
        'forwardStacked',
        name,
        ['N', ...shape],
        given?.shape ?? [],
        given ? undefined : 'the parameter is missing',
      );
    }
  }
  return networks;
}
