/** @file The one value that everything about an input network is derived from. */
import type { ActivationSpec } from './activations/activation.ts';
import type { LabelledNetwork } from './labels/labelled-network.ts';
import type { LayerSpec } from './layers/layer-kind.ts';

export const architectureSchema = 'weightspace-architecture/1';

/** What the network reads. */
export interface InputSpec {
  readonly name: string;
  /** Channels: the last axis. */
  readonly size: number;
  /** Sizes of the axes before the channels, e.g. [H, W] or [tokens]; absent for plain vectors. */
  readonly positions?: readonly number[];
  /** How many there are, where the values are numbers of things (0, 1, …), e.g. of words; the size is 1. */
  readonly indices?: number;
}

/** An architecture as JSON: what a zoo file keeps. Layers stand in the order in which they are computed. */
export interface ArchitectureSpec {
  readonly schema: typeof architectureSchema;
  readonly name: string;
  readonly inputs: readonly InputSpec[];
  readonly layers: readonly LayerSpec[];
  /** Name of the value that the network gives. */
  readonly output: string;
  /** Added to the output. */
  readonly outputOffset: number;
}

/** What is computed on the way: the inputs and what each layer writes. */
export interface Value {
  readonly name: string;
  /** What its channels index: the name of a space or of a composite. */
  readonly space: string;
  /** Channels. */
  readonly size: number;
  /** Sizes of the axes before the channels; [] for plain vectors. */
  readonly positions: readonly number[];
  readonly activation: ActivationSpec;
  /** Undefined for an input. */
  readonly layer: string | undefined;
}

export interface Architecture extends LabelledNetwork {
  readonly spec: ArchitectureSpec;
  readonly values: readonly Value[];
  /** Sizes and a hash of all but the architecture's name; equal signatures have the same parameters and compute the same. */
  readonly signature: string;
  readonly parameterCount: number;
}
