/** @file What a training asks of a metanet, whether its networks have one architecture or several. */
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

import type { Rows } from '../zoo/load-rows.ts';
import type { LossName, Scale } from './loss.ts';

export interface OptimizerSettings {
  readonly weightDecay: number;
  /** Global norm to which gradients are clipped; 0 for none. */
  readonly clip: number;
}

export interface Objective {
  readonly loss: LossName;
  readonly scale: Scale;
}

export interface LearnerState {
  readonly params: NdArrays;
  readonly optimizer: NdArrays;
}

export interface StepInputs {
  readonly rows: Rows;
  readonly target: ArrayLike<number>;
  /** Drawn by the loop: rows, or what the learner's `units` said. */
  readonly units: Int32Array;
  readonly stream: RandomStream;
  readonly rate: number;
}

export interface Learner {
  readonly kind: string;
  readonly parameterCount: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** @param train rows to measure on */
  readonly measure: (rows: Rows, train: Int32Array, stream: RandomStream) => NdArrays;
  /** What an epoch is an order of, and how many a step of so many rows sees. */
  readonly units: (
    rows: Rows,
    train: Int32Array,
    batch: number,
  ) => { readonly units: Int32Array; readonly batch: number };
  readonly step: (
    state: LearnerState,
    fixed: NdArrays,
    inputs: StepInputs,
  ) => Promise<{ readonly state: LearnerState; readonly loss: number }>;
  /** What the metanet gives for each row, in their order. */
  readonly outputs: (params: NdArrays, fixed: NdArrays, rows: Rows, wanted: Int32Array) => Promise<Float64Array>;
  readonly release: () => Promise<void>;
}

export const targetsOf = (target: ArrayLike<number>, rows: ArrayLike<number>): NdArray => ({
  dtype: 'float32',
  shape: [rows.length],
  data: Float32Array.from(rows as ArrayLike<number>, (row) => target[row]!),
});
