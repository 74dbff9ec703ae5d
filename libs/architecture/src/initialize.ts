/** @file Parameters to start from. */
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

import { initializations } from './initializations.ts';
import { layerKindOf } from './layer-kinds.ts';
import { activationSetting } from './layers/layer-kind.ts';
import { ArchitectureError } from './spec.ts';
import type { Architecture } from './spec.ts';

export interface InitializeOptions {
  /** With it, parameters get a leading axis of this size: one network each. */
  readonly count?: number;
  /** Number of the first network: network i draws from `stream.split(first + i)` alone. */
  readonly first?: number;
  /** Which network each one is, where they aren't consecutive; in place of `count` and `first`. */
  readonly indices?: ArrayLike<number>;
  /** One of `initializations`; by default `siren` for networks with a sine and `torch-linear` for others. */
  readonly initialization?: string;
}

/**
 * Draws parameters for one network, or for N stacked ones.
 *
 * @returns by name, each of its `shape`, or `[N, …shape]`
 * @throws {ArchitectureError} when the initialization isn't known
 */
export function initialize(
  architecture: Architecture,
  stream: RandomStream,
  options: InitializeOptions = {},
): NdArrays {
  const { count, first = 0, indices } = options;
  const initialization = options.initialization ?? (omegaOf(architecture) === undefined ? 'torch-linear' : 'siren');
  if (!Object.hasOwn(initializations, initialization)) {
    throw new ArchitectureError(
      'initialize',
      'initialization',
      `must be one of ${Object.keys(initializations).join(', ')}, got '${initialization}'`,
    );
  }
  if (count === undefined && indices === undefined) return initializeOne(architecture, stream, initialization);
  const numbers = indices ? Array.from(indices) : Array.from({ length: count! }, (_, i) => first + i);
  return stack(
    architecture,
    numbers.map((i) => initializeOne(architecture, stream.split(i), initialization)),
  );
}

const omegaOf = ({ spaces }: Architecture): number | undefined =>
  spaces.find(({ activation }) => activation.kind === 'sine')?.activation.omega;

function initializeOne(
  architecture: Architecture,
  stream: RandomStream,
  initialization: string,
): Record<string, NdArray<'float32'>> {
  const { spec, parameters } = architecture;
  const drawn = spec.layers.map((layer) => {
    const own = parameters.filter((p) => p.layer === layer.name);
    const first = layer.inputs.some((name) => spec.inputs.some((input) => input.name === name));
    const context = { initialization, first, activation: activationSetting(layer), omega: omegaOf(architecture) };
    return layerKindOf(layer.kind).initialize(own, context, stream.split(layer.name));
  });
  return Object.assign({}, ...drawn) as Record<string, NdArray<'float32'>>;
}

function stack({ parameters }: Architecture, networks: readonly Record<string, NdArray<'float32'>>[]): NdArrays {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const size = sizeOf(shape);
      const data = new Float32Array(networks.length * size);
      networks.forEach((network, i) => data.set(network[name]!.data, i * size));
      return [name, ndarray(data, [networks.length, ...shape])];
    }),
  );
}
