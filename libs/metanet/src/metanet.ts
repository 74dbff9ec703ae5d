/** @file What a metanetwork is: the one interface that all of them have. */
import type { Architecture } from '@weightspace/architecture';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

/** A network whose input is the parameters of networks of one architecture. Its functions are pure and may be compiled. */
export interface Metanet {
  readonly kind: string;
  /** Of its input networks. */
  readonly architecture: Architecture;
  /** How many numbers it gives per input network. */
  readonly outputs: number;
  readonly parameterCount: number;
  /** Its trainable parameters at the start. */
  readonly initialize: (stream: RandomStream) => NdArrays;
  /**
   * Values that are fixed before training: measured on training networks (scales), or drawn once (frequencies).
   *
   * @param weights by parameter of the architecture; shape `[N, …shape]`
   */
  readonly measure: (weights: NdArrays, stream: RandomStream) => NdArrays;
  /** Random arrays that one training step needs, such as dropout masks. */
  readonly noise: (batch: number, stream: RandomStream) => NdArrays;
  /**
   * @param weights by parameter of the architecture; shape `[B, …shape]`
   * @param noise from `noise`; absent in evaluation
   * @returns shape `[B, outputs]`
   */
  readonly apply: (params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors) => Tensor;
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
