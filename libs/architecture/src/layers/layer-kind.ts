/** @file What a kind of layer says about itself, once; shapes, groups, graphs and augmentations follow from it. */
import type { Tensor, Tensors } from '@weightspace/compute';

import type { ActivationSpec } from '../activations/activation.ts';
import { ArchitectureError } from '../architecture-error.ts';
import type { Fields } from '../checks.ts';
import type { Label } from '../labels/label.ts';
import type { LabelSolver } from '../labels/label-solver.ts';
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
  /** Parameters that it shares with earlier layers; absent when there are none. */
  readonly tied?: { readonly [parameter: string]: TiedParameter };
  readonly [setting: string]: unknown;
}

/** A parameter of an earlier layer, `<layer>.<parameter>`. */
export interface TiedParameter {
  readonly parameter: string;
  readonly transposed: boolean;
}

/** What an axis of a parameter does with its neurons: it writes them, reads them, or (both or neither) only lists them. */
export type AxisRole = 'out' | 'in' | 'index';

/** 'scale' and 'shift' are those of norms; 'statistic' is a running mean or variance. */
export type ParameterKind = 'weight' | 'bias' | 'scale' | 'shift' | 'statistic';

/** A start that is the layer's own, where recipes for weights and biases don't apply: normal deviation, uniform bound. */
export type ParameterStart = 'zeros' | 'ones' | { readonly normal: number } | { readonly uniform: number };

/** A value as a layer sees it. */
export interface LayerInput {
  readonly name: string;
  /** Channels. */
  readonly size: number;
  /** Sizes of its positions, e.g. [H, W] or [tokens]; [] for plain vectors. */
  readonly positions: readonly number[];
  /** Of the channels. */
  readonly label: Label;
  /** How many there are, where the values are numbers of things, e.g. of words. */
  readonly indices: number | undefined;
}

export interface ParameterDeclaration {
  /** The parameter is called `<layer>.<name>`. */
  readonly name: string;
  readonly kind: ParameterKind;
  /** In storage order: [out, in, …kernel]. */
  readonly axes: readonly { readonly label: Label; readonly role: AxisRole }[];
  /** Neurons that one output neuron reads, and output neurons that one input neuron reaches: what initializations ask. */
  readonly fan: { readonly in: number; readonly out: number };
  readonly start?: ParameterStart;
}

export type ExtraSymmetry = 'sign' | 'phase' | 'scale';
export const extraSymmetries: readonly ExtraSymmetry[] = ['sign', 'phase', 'scale'];

export interface LayerDeclaration {
  /** Channels that it writes. */
  readonly label: Label;
  /** Those of its first input when absent. */
  readonly positions?: readonly number[];
  readonly parameters: readonly ParameterDeclaration[];
  /** Symmetries of what it reads that it can't carry through, e.g. the sign through a softmax. */
  readonly breaks?: readonly ExtraSymmetry[];
  /** Symmetries that what it writes can't have, whatever the activation. */
  readonly breaksOutput?: readonly ExtraSymmetry[];
  /** It moves neurons on and does nothing to them: what it writes doesn't count as another place that writes its spaces. */
  readonly passes?: boolean;
}

/** What a layer is declared with. */
export interface DeclareContext {
  readonly inputs: readonly LayerInput[];
  /** To be asked for new spaces, and told which axes index the same. */
  readonly labels: LabelSolver;
  /** Where the layer stands, for messages. */
  readonly place: string;
}

/** What is known of the tensors that a layer computes on. */
export interface ApplyContext {
  /** N. */
  readonly count: number;
  /** Positions and channels of each input. */
  readonly inputs: readonly { readonly size: number; readonly positions: readonly number[] }[];
  /** Positions and channels of the output. */
  readonly output: { readonly size: number; readonly positions: readonly number[] };
  /** In training: takes what parameters of kind 'statistic' are to follow, by their full names; absent otherwise. */
  readonly statistics?: Record<string, Tensor>;
}

export interface LayerKind {
  readonly kind: string;
  /** Checks the kind's own settings and fills in defaults; `place` is for messages. */
  readonly settings: (given: Fields, place: string) => Fields;
  /** @throws {ArchitectureError} when settings and inputs don't fit */
  readonly declare: (layer: LayerSpec, context: DeclareContext) => LayerDeclaration;
  /**
   * gain · pre-activation of N stacked networks; pure and traceable.
   *
   * @param params by their declared names; shape `[N, …]`
   * @param inputs shape `[N, P, …positions, n]`, or `[P, …positions, n]` where all networks share the value
   */
  readonly apply: (
    layer: LayerSpec,
    params: Tensors,
    inputs: readonly Tensor[],
    gain: number,
    context: ApplyContext,
  ) => Tensor;
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
  const expected = least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  throw new ArchitectureError('defineArchitecture', `${place}.inputs`, `a list of ${expected} names`, layer.inputs);
}
