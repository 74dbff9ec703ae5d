/** @file The one value that everything about an input network is derived from. */
import type { ActivationSpec } from './activations/activation.ts';
import type { AxisRole, LayerSpec, ParameterKind } from './layers/layer-kind.ts';

export const architectureSchema = 'weightspace-architecture/1';

/** An architecture as JSON: what a zoo file keeps. Layers stand in the order in which they are computed. */
export interface ArchitectureSpec {
  readonly schema: typeof architectureSchema;
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  readonly layers: readonly LayerSpec[];
  /** Name of the value that the network gives. */
  readonly output: string;
  /** Added to the output. */
  readonly outputOffset: number;
}

/** What is computed on the way: the inputs and what each layer writes. */
export interface Value {
  readonly name: string;
  readonly space: string;
  readonly size: number;
  readonly activation: ActivationSpec;
  /** Undefined for an input. */
  readonly layer: string | undefined;
}

/** Exact symmetries of each neuron of a space, beyond the order. */
export interface SpaceSymmetries {
  /** (−1): the neuron's row, bias and outgoing columns change sign. */
  readonly sign: boolean;
  /** c > 0: row and bias times c, outgoing columns divided by c. */
  readonly scale: boolean;
  /** The shift of the bias by which the neuron's value changes sign (π/ω for a sine), where it has that symmetry. */
  readonly phase: number | undefined;
}

/** Neurons that have one order, whoever reads or writes them. */
export interface Space {
  readonly name: string;
  readonly size: number;
  /** Whether the order of its neurons is arbitrary: not in the network's inputs and output. */
  readonly free: boolean;
  /** What is applied to its neurons; 'identity' for the input and for a linear output. Where several values share the space, the first that isn't the identity. */
  readonly activation: ActivationSpec;
  readonly symmetries: SpaceSymmetries;
}

export interface ParameterSpec {
  /** `<layer>.<kind>`, e.g. 'layer1.weight'. */
  readonly name: string;
  readonly layer: string;
  readonly kind: ParameterKind;
  readonly shape: readonly number[];
  /** The space that each axis indexes; order [out, in, …kernel]. */
  readonly axes: readonly string[];
  /** Whether the axis writes its neurons ('out'), reads them ('in'), or only lists them ('index'). */
  readonly roles: readonly AxisRole[];
  readonly fan: { readonly in: number; readonly out: number };
  readonly start: 'zeros' | 'ones' | undefined;
}

export interface Architecture {
  readonly spec: ArchitectureSpec;
  readonly values: readonly Value[];
  /** In the order of the values that name them; the first is the input. */
  readonly spaces: readonly Space[];
  /** In the order of layers, weight before bias. */
  readonly parameters: readonly ParameterSpec[];
  /** Sizes and a hash of all but the architecture's name; equal signatures have the same parameters and compute the same. */
  readonly signature: string;
  readonly parameterCount: number;
}
