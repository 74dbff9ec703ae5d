/** @file What whole trainings came to, and what many seeds say together. */
import { ndarray, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { meanInterval } from '@weightspace/experiment';
import type { MeanInterval } from '@weightspace/experiment';

/** Curves of N = M · R networks: R for each of M copies of meta-parameters, one block behind another. */
export interface InnerCurves {
  readonly steps: number;
  /** Normalized losses of each step's batch, before its update; shape `[steps, N]`. */
  readonly losses: NdArray<'float32'>;
  /** Steps made before each evaluation; E of them. */
  readonly at: readonly number[];
  /** By part and measure, e.g. `train/loss` (normalized), `test/accuracy`; shape `[E, N]`. */
  readonly evaluations: { readonly [name: string]: NdArray<'float32'> };
  /** Which networks had a loss that wasn't finite, or end with a training loss above that of their start; `[N]`. */
  readonly diverged: readonly boolean[];
  /** Medians over steps, for all N networks: drawing of data, gradients, the optimizer's update. */
  readonly seconds: { readonly data: number; readonly gradients: number; readonly update: number };
}

/** What of the curves is no array. */
export interface CurvesDescription {
  readonly steps: number;
  readonly at: readonly number[];
  readonly diverged: readonly boolean[];
  readonly seconds: InnerCurves['seconds'];
}

/** As JSON and arrays, to be kept. */
export const packCurves = ({
  losses,
  evaluations,
  ...json
}: InnerCurves): { readonly json: CurvesDescription; readonly arrays: NdArrays } => ({
  json,
  arrays: { losses, ...withPrefix('evaluations/', evaluations) },
});

export const unpackCurves = (json: CurvesDescription, arrays: NdArrays): InnerCurves => ({
  ...json,
  losses: arrays['losses'] as NdArray<'float32'>,
  evaluations: withoutPrefix('evaluations/', arrays) as InnerCurves['evaluations'],
});

/** The networks of one copy alone. @param copies M */
export function curvesOfCopy(curves: InnerCurves, copy: number, copies: number): InnerCurves {
  const own = (array: NdArray<'float32'>): NdArray<'float32'> => {
    const [rows, N] = array.shape as [number, number];
    const R = N / copies;
    const part = new Float32Array(rows * R);
    for (let row = 0; row < rows; row++)
      part.set(array.data.subarray(row * N + copy * R, row * N + (copy + 1) * R), row * R);
    return ndarray(part, [rows, R]);
  };
  const R = curves.diverged.length / copies;
  return {
    ...curves,
    losses: own(curves.losses),
    evaluations: Object.fromEntries(Object.entries(curves.evaluations).map(([name, array]) => [name, own(array)])),
    diverged: curves.diverged.slice(copy * R, (copy + 1) * R),
  };
}

/** Mean over networks and its 95 % interval at each evaluation. */
export function evaluationMeans({ evaluations, at }: InnerCurves, name: string): readonly MeanInterval[] {
  const array = evaluations[name];
  if (array === undefined) {
    throw new RangeError(`evaluationMeans: name must be of ${Object.keys(evaluations).join(', ')}, got '${name}'`);
  }
  const N = array.data.length / at.length;
  return at.map((_, i) => meanInterval([...array.data.subarray(i * N, (i + 1) * N)]));
}

/** Share of the networks that diverged. */
export const divergedShare = ({ diverged }: InnerCurves): number => diverged.filter(Boolean).length / diverged.length;
