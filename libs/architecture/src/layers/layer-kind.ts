/** @file What a layer kind must say of itself; everything else follows from it. */
import type { RandomStream, NdArray, Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../spec.ts';
import type { ActivationSpec, LayerSpec, ParameterSpec } from '../spec.ts';

/** What a layer learns of its surroundings while it labels its axes. */
export interface LabelContext {
  readonly layer: LayerSpec;
  /** Spaces of the values that it takes, in order. */
  readonly inputs: readonly SpaceRef[];
  /** Makes the space of the layer's value. */
  readonly newSpace: (size: number, activation: ActivationSpec) => SpaceRef;
  /** Says that two spaces are one, as a residual sum does. */
  readonly unify: (a: SpaceRef, b: SpaceRef) => void;
}

export interface SpaceRef {
  readonly id: number;
  readonly size: number;
}

export interface LabelledParameter extends Omit<ParameterSpec, 'axes' | 'layer'> {
  readonly axes: readonly SpaceRef[];
}

export interface Labelled {
  readonly parameters: readonly LabelledParameter[];
  /** The space of the layer's value. */
  readonly output: SpaceRef;
}

/** Where a layer stands, for initializations that depend on it. */
export interface InitContext {
  readonly initialization: string;
  readonly first: boolean;
  /** The activation that follows. */
  readonly activation: ActivationSpec;
  /** ω₀ of the network's sines, where it has some. */
  readonly omega: number | undefined;
}

export interface LayerKind {
  readonly kind: string;
  readonly label: (context: LabelContext) => Labelled;
  /** One network's parameters. */
  readonly initialize: (
    parameters: readonly ParameterSpec[],
    context: InitContext,
    stream: RandomStream,
  ) => { readonly [name: string]: NdArray<'float32'> };
  /**
   * @param parameters by the part of their name after the layer's: `weight`, `bias`; with a leading axis N
   * @param inputs values `[N, P, size]`
   */
  readonly apply: (
    layer: LayerSpec,
    parameters: { readonly [name: string]: Tensor },
    inputs: readonly Tensor[],
  ) => Tensor;
}

/** A whole number above 0 from a layer's settings. */
export function sizeSetting(layer: LayerSpec, key: string): number {
  const value = layer[key];
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new ArchitectureError(
    'defineArchitecture',
    `layer '${layer.name}'`,
    `must have a whole number above 0 as '${key}', got ${JSON.stringify(value)}`,
  );
}

export function activationSetting(layer: LayerSpec): ActivationSpec {
  return (layer['activation'] as ActivationSpec | undefined) ?? { kind: 'identity' };
}
