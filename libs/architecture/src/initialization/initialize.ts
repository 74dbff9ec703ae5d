import { mapValues, ndarray, sizeOf } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';

import type { Architecture } from '../architecture.ts';
import type { ParameterSpec } from '../labels/labelled-network.ts';
import { parameterShapes } from '../parameters.ts';
import { initialization } from './recipe.ts';
import type { Initialization, StartContext } from './recipe.ts';
import './recipes.ts';

export interface InitializeOptions {
  /** How many networks to stack; one that isn't stacked when absent. */
  readonly count?: number;
  /** Number of the first network: network i of the stack depends on `stream.split(first + i)` only. */
  readonly first?: number;
  /** Name of a recipe; 'default' is 'siren' where there is a sine, else 'torch-linear'. */
  readonly init?: string;
}

/**
 * Starting parameters of one network, or of N stacked ones.
 *
 * Network i of a stack is the one that `initialize(architecture, stream.split(first + i))` gives, so a stack can be made
 * in chunks. Each parameter draws from a stream of its own.
 *
 * @returns by name; shape `[…shape]`, or `[N, …shape]` with `count`
 * @throws {ArchitectureError} on an unknown recipe
 * @throws {RangeError} unless `count` and `first` are whole numbers ≥ 0
 */
export function initialize(
  architecture: Architecture,
  stream: RandomStream,
  options: InitializeOptions = {},
): NdArrays {
  const { count, first = 0, init = 'default' } = options;
  for (const [name, value] of Object.entries({ count: count ?? 0, first })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`initialize: ${name} must be a whole number ≥ 0, got ${value}`);
    }
  }
  const sine = architecture.values.some(({ activation }) => activation.kind === 'sine');
  const recipe = initialization(init === 'default' ? (sine ? 'siren' : 'torch-linear') : init);
  const starts = architecture.parameters.map((parameter) => ({
    parameter,
    context: contextOf(architecture, parameter),
  }));
  const result = mapValues(parameterShapes(architecture, count), (shape) =>
    ndarray(new Float32Array(sizeOf(shape)), shape),
  );
  for (let i = 0; i < (count ?? 1); i++) {
    const own = count === undefined ? stream : stream.split(first + i);
    for (const { parameter, context } of starts) {
      const values = startOf(parameter, context, recipe, own);
      result[parameter.name]!.data.set(values, i * values.length);
    }
  }
  return result;
}

function startOf(
  { name, start, shape }: ParameterSpec,
  context: StartContext,
  recipe: Initialization,
  stream: RandomStream,
): Float32Array {
  if (start === undefined) return recipe.draw(context, stream.split(name));
  if (start === 'zeros' || start === 'ones') return new Float32Array(sizeOf(shape)).fill(start === 'ones' ? 1 : 0);
  const own = stream.split(name);
  if ('normal' in start) return own.normal(shape, 0, start.normal).data;
  return own.uniform(shape, -start.uniform, start.uniform).data;
}

function contextOf({ spec, values }: Architecture, { layer: name, kind, fan, shape }: ParameterSpec): StartContext {
  const layer = spec.layers.find((candidate) => candidate.name === name)!;
  const read = values.filter((value) => layer.inputs.includes(value.name));
  const sine = [layer, ...read].map(({ activation }) => activation).find((activation) => activation.kind === 'sine');
  return {
    kind: kind === 'bias' ? 'bias' : 'weight',
    fan,
    shape,
    first: read.every((value) => value.layer === undefined),
    activation: layer.activation,
    omega: sine?.omega ?? 1,
  };
}
