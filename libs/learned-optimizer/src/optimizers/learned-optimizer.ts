/** @file What a learned optimizer is, and the registry of their kinds. */
import type { Architecture } from '@weightspace/architecture';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { KindRegistry, settingsOf } from '../kinds.ts';
import type { Kind, Settings } from '../kinds.ts';

/** What an update may know besides gradients. */
export interface UpdateContext {
  /** Steps that each network has made before; shape `[N]`, float32. */
  readonly step: Tensor;
  /** Steps after which its training ends, where that is known; shape `[N]`. */
  readonly horizon?: Tensor;
  /** Loss of the batch that the gradients are of, before the update; shape `[N]`. */
  readonly loss?: Tensor;
}

export interface NetworkUpdate {
  readonly params: Tensors;
  readonly state: Tensors;
}

/**
 * An optimizer of N networks with M copies of its meta-parameters, each of which is used by the N/M networks of its block.
 *
 * `start` and `update` are pure and may be compiled. Network n depends on row n of params, state, gradients and context,
 * and on its copy, alone. Meta-parameters don't depend on widths: what was trained on one network runs on wider ones.
 */
export interface LearnedOptimizer {
  readonly kind: string;
  readonly settings: Settings;
  readonly metaParameterCount: number;
  /** Meta-parameters at their start, without an axis M; {} for an optimizer that has none. */
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** What is remembered of each network before its first step; the first axis of every array is N. */
  readonly start: (params: Tensors) => Tensors;
  /**
   * @param meta shape `[M, …]` @param params shape `[N, …shape]` @param grads as `params`
   * @returns the same names and shapes as were given
   */
  readonly update: (
    meta: Tensors,
    state: Tensors,
    params: Tensors,
    grads: Tensors,
    context: UpdateContext,
  ) => NetworkUpdate;
}

/** What a kind of optimizer says of itself. */
export interface OptimizerKind<S extends Settings = Settings> extends Kind<S> {
  /** @throws {LearnedOptimizerError} on settings or architectures that aren't possible */
  readonly create: (architecture: Architecture, settings: S) => LearnedOptimizer;
}

const registry = new KindRegistry<OptimizerKind>('optimizer');

/** @throws {RangeError} when the kind is taken */
export const registerOptimizer = <S extends Settings>(kind: OptimizerKind<S>): void =>
  registry.register(kind as unknown as OptimizerKind);
export const optimizerKinds = (): readonly OptimizerKind[] => registry.all();
/** @throws {LearnedOptimizerError} when there is no such kind */
export const optimizerKind = (kind: string): OptimizerKind => registry.get(kind);

/**
 * @param overrides settings that differ from the kind's defaults
 * @throws {LearnedOptimizerError} on an unknown kind, or settings or architectures that aren't possible
 */
export function createOptimizer(kind: string, architecture: Architecture, overrides: Settings = {}): LearnedOptimizer {
  const found = registry.get(kind);
  return found.create(architecture, settingsOf(found, overrides));
}
