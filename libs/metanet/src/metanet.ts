/** @file What a metanetwork is: the one interface that all of them have. */
import type { Architecture } from '@weightspace/architecture';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

/** What all kinds have in common, whatever they give. Pure functions; `apply` and `calibrate` may be compiled. */
export interface WeightFunction<Result> {
  readonly kind: string;
  /** Of its input networks. */
  readonly architecture: Architecture;
  readonly parameterCount: number;
  /** Its trainable parameters at the start. */
  readonly initialize: (stream: RandomStream) => NdArrays;
  /**
   * Values that are fixed before training: measured on training networks (scales), or drawn once (frequencies).
   *
   * @param weights by parameter of the architecture; shape `[N, …shape]`
   */
  readonly measure: (weights: NdArrays, stream: RandomStream) => NdArrays;
  /** Random arrays that one training step needs, such as dropout masks; {} where there are none. */
  readonly noise: (batch: number, stream: RandomStream) => NdArrays;
  /**
   * @param weights by parameter of the architecture; shape `[B, …shape]`
   * @param noise from `noise`; absent in evaluation, so that its presence means training
   */
  readonly apply: (params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors) => Result;
  /**
   * Only where training normalizes by statistics of the batch: those of one batch, under names that `fixed` has too. Their
   * mean over training batches takes the place of what `fixed` has before each evaluation.
   *
   * Source: Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv:2105.07576, section 3.
   */
  readonly calibrate?: (params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors) => Tensors;
}

/** A network whose input is the parameters of networks of one architecture; it gives `[B, outputs]`. */
export interface Metanet extends WeightFunction<Tensor> {
  /** How many numbers it gives per input network. */
  readonly outputs: number;
}

/**
 * Gives a change of every parameter, shape `[B, …shape]` each.
 *
 * Symmetry: equivariant to permutations of hidden neurons.
 */
export type Editor = WeightFunction<Record<string, Tensor>>;

/** Networks of one architecture. */
export interface Networks {
  readonly architecture: Architecture;
  /** By parameter. */
  readonly weights: NdArrays;
}

/** One set of parameters for networks of several architectures. */
export interface MixedMetanet {
  readonly kind: string;
  readonly outputs: number;
  readonly parameterCount: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** @param networks weights of shape `[N, …shape]` */
  readonly measure: (networks: readonly Networks[], stream: RandomStream) => NdArrays;
  /** The same function for networks of one architecture only, with the same parameters and fixed values; faster. */
  readonly on: (architecture: Architecture) => Metanet;
  /**
   * Any networks as arrays whose sizes are from a short list, so that few graphs are compiled; what is padding is masked.
   *
   * @param networks one network each; weights of shape `[…shape]`
   */
  readonly pack: (networks: readonly Networks[]) => NdArrays;
  readonly noise: (batch: NdArrays, stream: RandomStream) => NdArrays;
  /** @param batch from `pack` @returns shape `[B, outputs]`, B being at least the number of networks packed */
  readonly apply: (params: Tensors, fixed: Tensors, batch: Tensors, noise?: Tensors) => Tensor;
}

/** Thrown where a metanet can't take an architecture or a setting. */
export class MetanetError extends Error {
  override readonly name = 'MetanetError';
  readonly kind: string;

  constructor(kind: string, problem: string) {
    super(`${kind}: ${problem}`);
    this.kind = kind;
  }
}
