/** @file What estimates gradients with respect to meta-parameters, and the registry of how. */
import type { NdArrays, RandomStream } from '@weightspace/compute';

import { KindRegistry, settingsOf } from '../kinds.ts';
import type { Kind, Settings } from '../kinds.ts';
import type { TruncatedStep } from '../unroll/truncated-step.ts';

/** What one estimate came to. */
export interface Estimate {
  /** By meta-parameter, without an axis M; always finite. */
  readonly gradient: NdArrays;
  /** Mean normalized loss over steps and networks. */
  readonly loss: number;
  /** Root of the mean variance of the gradient's elements between tasks: its standard error is this / √tasks. 0 for one task. */
  readonly deviation: number;
  /** Inner steps that were made, summed over networks. */
  readonly innerSteps: number;
  /** Share of the networks whose loss was not finite at the last step. */
  readonly diverged: number;
  /** Tasks whose gradient was not finite, and counted as 0. */
  readonly lost: number;
}

/** Arrays alone, so that a checkpoint keeps it; {} where nothing goes on from estimate to estimate. */
export type EstimatorState = NdArrays;

/** Estimates the gradient of the mean normalized loss with respect to meta-parameters, averaged over a step's tasks. */
export interface GradientEstimator {
  readonly kind: string;
  readonly start: (stream: RandomStream) => Promise<EstimatorState>;
  /**
   * @param meta without an axis M @param state of the estimate before, which must not be used again
   * @param stream of this estimate alone: all that is random comes from it
   */
  readonly estimate: (
    meta: NdArrays,
    state: EstimatorState,
    stream: RandomStream,
  ) => Promise<Estimate & { readonly state: EstimatorState }>;
}

/** What a kind of estimator says of itself. */
export interface EstimatorKind<S extends Settings = Settings> extends Kind<S> {
  /** @throws {LearnedOptimizerError} on settings that aren't possible, or an optimizer without meta-parameters */
  readonly create: (step: TruncatedStep, settings: S) => GradientEstimator;
}

const registry = new KindRegistry<EstimatorKind>('gradient estimator');

/** @throws {RangeError} when the kind is taken */
export const registerEstimator = <S extends Settings>(kind: EstimatorKind<S>): void =>
  registry.register(kind as unknown as EstimatorKind);
export const estimatorKinds = (): readonly EstimatorKind[] => registry.all();

/**
 * @param overrides settings that differ from the kind's defaults
 * @throws {LearnedOptimizerError} on an unknown kind, settings that aren't possible, or an optimizer without meta-parameters
 */
export function createEstimator(kind: string, step: TruncatedStep, overrides: Settings = {}): GradientEstimator {
  const found = registry.get(kind);
  return found.create(step, settingsOf(found, overrides));
}
