/** @file For how long networks are trained before they begin anew. */
import type { RandomStream } from '@weightspace/compute';

/** Least and greatest number of inner steps, drawn log-uniformly. */
export type HorizonRange = readonly [least: number, greatest: number];

/**
 * Horizons of networks, in inner steps: whole truncations, so that networks begin anew between truncations only.
 *
 * Source: learned_optimization's `LogUniformLengthSchedule`. Departs: rounded up to whole truncations.
 */
export const drawHorizon = (stream: RandomStream, [least, greatest]: HorizonRange, truncation: number): number =>
  wholeTruncations(Math.exp(Math.log(least) + (Math.log(greatest) - Math.log(least)) * stream.next()), truncation);

/** A random part of a horizon: where a network's first training begins, so that networks don't all end at once. */
export const drawFirstHorizon = (stream: RandomStream, range: HorizonRange, truncation: number): number => {
  const whole = drawHorizon(stream, range, truncation);
  return wholeTruncations(whole * (1 - stream.next()), truncation);
};

/** Exact in the face of rounding: exp(log 1000) is above 1000. */
const wholeTruncations = (steps: number, truncation: number): number =>
  Math.max(1, Math.ceil(steps / truncation - 1e-9)) * truncation;
