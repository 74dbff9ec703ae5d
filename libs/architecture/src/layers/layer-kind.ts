/** @file What a kind of layer says about itself, once; shapes, groups, graphs and augmentations follow from it. */
import type { Tensor, Tensors } from '@weightspace/compute';

import type { ActivationSpec } from '../activations/activation.ts';
import { ArchitectureError } from '../architecture-error.ts';
import type { Fields } from '../checks.ts';
import { Registry } from '../registry.ts';

/** One layer, as JSON. A kind has its own settings besides these. */
export interface LayerSpec {
  readonly name: string;
  readonly kind: string;
  /** Names of the values that it reads. */
  readonly inputs: readonly string[];
  /** Name of the value that it writes. */
  readonly output: string;
  /** Applied to what it writes; identity when absent. */
  readonly activation: ActivationSpec;
  readonly [setting: string]: unknown;
}

/** What an axis of a parameter does with its neurons: it writes them, reads them, or (both or neither) only lists them. */
export type AxisRole = 'out' | 'in' | 'index';

export type ParameterKind = 'weight' | 'bias' | 'scale';

export interface ParameterDeclaration {
  /** The parameter is called `<layer>.<name>`. */
  readonly name: string;
  readonly kind: ParameterKind;
  /** In storage order: [out, in, …kernel]; each axis is labelled with the value whose neurons it indexes. */
  readonly axes: readonly { readonly value: string; readonly role: AxisRole }[];
  /** Neurons that one output neuron reads, and output neurons that one input neuron reaches: what initializations ask. */
  readonly fan: { readonly in: number; readonly out: number };
  /** A fixed start, where recipes for weights and biases don't apply. */
  readonly start?: 'zeros' | 'ones';
}

export type ExtraSymmetry = 'sign' | 'phase' | 'scale';

export interface LayerDeclaration {
  /** Neurons that it writes. */
  readonly size: number;
  readonly parameters: readonly ParameterDeclaration[];
  /** Pairs of values that must have one order of neurons. */
  readonly unify: readonly (readonly [string, string])[];
  /** Symmetries of its inputs that it can't carry through, e.g. the sign through a softmax. */
  readonly breaks?: readonly ExtraSymmetry[];
}

export interface LayerKind {
  readonly kind: string;
  /** Checks the kind's own settings and fills in defaults; `place` is for messages. */
  readonly settings: (given: Fields, place: string) => Fields;
  /** @param sizes neurons of each input */
  readonly declare: (layer: LayerSpec, sizes: readonly number[], place: string) => LayerDeclaration;
  /**
   * gain · pre-activation of N stacked networks; pure and traceable.
   *
   * @param params by their declared names; shape `[N, …]`
   * @param inputs shape `[N, P, n]`, or `[P, n]` where all networks share the value
   */
  readonly apply: (layer: LayerSpec, params: Tensors, inputs: readonly Tensor[], gain: number) => Tensor;
}

const registry = new Registry<LayerKind>('layer kind');

/** @throws when the kind is taken */
export const registerLayerKind = (kind: LayerKind): void => registry.register(kind.kind, kind);
export const layerKinds = (): string[] => registry.names();

/** @throws {ArchitectureError} when there is no such kind */
export function layerKind(kind: string, place = 'kind'): LayerKind {
  const found = registry.get(kind);
  if (found) return found;
  throw new ArchitectureError('layerKind', place, `one of ${registry.names().join(', ')}`, kind);
}

/** @throws {ArchitectureError} unless the layer reads as many values as its kind needs */
export function needInputs(layer: LayerSpec, place: string, least: number, most = Infinity): void {
  const { length } = layer.inputs;
  if (length >= least && length <= most) return;
  const expected = least === most ? `${least}` : `at least ${least}`;
  throw new ArchitectureError('defineArchitecture', `${place}.inputs`, `a list of ${expected} names`, layer.inputs);
}
