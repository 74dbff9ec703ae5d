/** @file What an architecture is made of: plain JSON in, labelled axes out. */

/** What is applied to the values of a layer. `sine` is sin(omega · z). */
export type ActivationSpec = { readonly kind: string; readonly omega?: number; readonly slope?: number };

/** One layer. Its value is known to later layers by its name. */
export interface LayerSpec {
  readonly name: string;
  readonly kind: string;
  /** Names of the values that it takes: earlier layers, or an input. */
  readonly inputs: readonly string[];
  readonly [setting: string]: unknown;
}

/** An architecture as JSON; what a zoo file keeps. */
export interface ArchitectureSpec {
  readonly schema: typeof ARCHITECTURE_SCHEMA;
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  readonly layers: readonly LayerSpec[];
  /** The value that the network returns. */
  readonly output: string;
  /** Added to the output. */
  readonly outputOffset: number;
}

export const ARCHITECTURE_SCHEMA = 'weightspace-architecture/1';

/** A set of neurons that an axis of a parameter may index. */
export interface Space {
  readonly name: string;
  readonly size: number;
  /** Whether its order is arbitrary, so that permuting it with all that index it leaves the function as it is. */
  readonly free: boolean;
  /** What is applied to its neurons. */
  readonly activation: ActivationSpec;
}

export interface ParameterSpec {
  /** E.g. `layer1.weight`. */
  readonly name: string;
  readonly layer: string;
  readonly kind: 'weight' | 'bias';
  /** `[out, in, …kernel]`, as PyTorch has it. */
  readonly shape: readonly number[];
  /** The space that each axis indexes. */
  readonly axes: readonly string[];
}

/** An architecture with everything that follows from it. */
export interface Architecture {
  readonly spec: ArchitectureSpec;
  readonly spaces: readonly Space[];
  readonly parameters: readonly ParameterSpec[];
  /** Names of the spaces of the input and of the output. */
  readonly inputSpace: string;
  readonly outputSpace: string;
  /** Equal for architectures whose networks may share a batch, e.g. `2-32-32-1 sine(30)`. */
  readonly signature: string;
  readonly parameterCount: number;
}

/** Thrown where a description of a network doesn't describe one. */
export class ArchitectureError extends Error {
  override readonly name = 'ArchitectureError';
  readonly fn: string;
  readonly at: string;

  constructor(fn: string, at: string, problem: string) {
    super(`${fn}: ${at} ${problem}`);
    this.fn = fn;
    this.at = at;
  }
}
