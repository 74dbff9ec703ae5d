import { findNonFinite } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { act, canonicalElement, compose, gaugeElement, inverse, randomElement } from '@weightspace/symmetry';
import type { GroupElement, SymmetryGroup } from '@weightspace/symmetry';

import { AlignmentError } from '../alignment-error.ts';
import { Descent } from './descent.ts';
import type { Descended } from './descent.ts';
import { squaredDistance, squaredNorm } from './distance.ts';
import { RowProducts } from './row-products.ts';

export interface WeightMatchOptions {
  /** Random starts after the two that there always are; 0 unless said otherwise. */
  readonly restarts?: number;
  /** Draws them, and the order of the spaces in each of their sweeps; needed for restarts. */
  readonly stream?: RandomStream;
  /** Most sweeps from each start; 100 unless said otherwise. */
  readonly sweeps?: number;
}

/** One descent. */
export interface WeightMatchAttempt {
  /** From the canonical forms' order, from the order that there is, or from a random element. */
  readonly start: 'canonical' | 'identity' | 'random';
  /** To the reference, in one gauge of scales, at the start and after each sweep; never rises. */
  readonly distances: readonly number[];
  /** Whether nothing could be moved any more; false when the sweeps ran out. */
  readonly converged: boolean;
}

export interface WeightMatch {
  /** What brings the parameters as near to the reference as was found. */
  readonly element: GroupElement;
  /** The parameters there. */
  readonly params: NdArrays;
  /** Euclidean distance between them and the reference. */
  readonly distance: number;
  /** `distance` as a share of the reference's norm. */
  readonly relative: number;
  /** Distance before. */
  readonly distanceBefore: number;
  /** All descents, in the order in which they were made; `best` is the number of the one that was taken. */
  readonly attempts: readonly WeightMatchAttempt[];
  readonly best: number;
}

/** A distance that is a smaller share of the norm than this is none. */
const ROUNDING = 1e-6;

/**
 * Matches the neurons of a network to those of a reference: weight matching, and a distance between networks up to
 * symmetry.
 *
 *     min over g of ‖reference − g · params‖
 *
 * Scales of both are brought to one gauge. Then the orders, signs and phase shifts of one space after another, with all
 * that is within it, are chosen best for the present ones of the others, until nothing gets nearer. It starts from the
 * orders of the canonical forms, from those that there are, and from random elements, and keeps the nearest end; once
 * networks are equal to rounding, no further start is made.
 *
 * @param group the symmetries that may be used: `permutationGroup` for weight matching as published
 * @param reference of one network, `[…shape]`
 * @param params of another network with the same labels
 * @throws {AlignmentError} on values that aren't finite, or options that can't be
 * @throws {SymmetryError | ParameterError | ShapeError} when parameters don't fit
 * Symmetry: for networks of one orbit the distance is 0, to rounding, wherever canonical forms are exact.
 * Source: Ainsworth et al. 2023, "Git Re-Basin", arXiv:2209.04836, section 3.2 (matching weights).
 * Departs: families (heads and what is in them) are matched as a whole; signs, phases and scales; several starts in place
 *   of one; where a space is on two axes of a parameter, or two families are, the step is an estimate and taken only when
 *   the distance falls. The minimum is a local one.
 */
export async function matchWeights(
  group: SymmetryGroup,
  reference: NdArrays,
  params: NdArrays,
  options: WeightMatchOptions = {},
): Promise<WeightMatch> {
  const settings = settingsOf(options);
  const { architecture } = group;
  const [target, source] = [act(architecture, {}, reference), act(architecture, {}, params)];
  checkFinite('reference', target);
  checkFinite('params', source);
  const [toGauge, fromGauge] = [gaugeElement(group, target), gaugeElement(group, source)];
  const [a, b] = [act(architecture, toGauge, target), act(architecture, fromGauge, source)];
  const { attempts, best } = await descend(group, a, b, settings);
  const found = attempts[best]!.element;
  const element = compose(inverse(toGauge, architecture), compose(found, fromGauge, architecture), architecture);
  const moved = act(architecture, element, source);
  const distance = Math.sqrt(squaredDistance(target, moved));
  return {
    element,
    params: moved,
    distance,
    relative: distance === 0 ? 0 : distance / Math.sqrt(squaredNorm(target)),
    distanceBefore: Math.sqrt(squaredDistance(target, source)),
    attempts: attempts.map(({ start, distances, converged }) => ({ start, distances, converged })),
    best,
  };
}

interface Settings {
  readonly restarts: number;
  readonly stream: RandomStream | undefined;
  readonly sweeps: number;
}

function settingsOf({ restarts = 0, stream, sweeps = 100 }: WeightMatchOptions): Settings {
  const fail = (message: string): never => {
    throw new AlignmentError('matchWeights', message);
  };
  if (!Number.isInteger(restarts) || restarts < 0) fail(`restarts must be a whole number from 0, got ${restarts}`);
  if (!Number.isInteger(sweeps) || sweeps < 1) fail(`sweeps must be a whole number from 1, got ${sweeps}`);
  if (restarts > 0 && !stream) fail(`stream must be given for ${restarts} restarts, got none; pass a RandomStream`);
  return { restarts, stream, sweeps };
}

function checkFinite(which: string, params: NdArrays): void {
  const found = findNonFinite(params);
  if (found !== undefined) {
    throw new AlignmentError('matchWeights', `${which} must be finite, got ${JSON.stringify(found)}; repair it first`);
  }
}

interface Attempt extends Descended {
  readonly start: WeightMatchAttempt['start'];
}

/** Descents from all starts. */
async function descend(
  group: SymmetryGroup,
  a: NdArrays,
  b: NdArrays,
  { restarts, stream, sweeps }: Settings,
): Promise<{ readonly attempts: readonly Attempt[]; readonly best: number }> {
  const { architecture } = group;
  const products = new RowProducts();
  const descent = new Descent(group, products);
  descent.refer(a);
  const enough = ROUNDING * Math.sqrt(squaredNorm(a));
  const attempts: Attempt[] = [];
  const distanceOf = ({ distances }: Attempt): number => distances.at(-1)!;
  const tryFrom = async (start: Attempt['start'], from: () => GroupElement, order?: RandomStream) => {
    if (attempts.some((attempt) => distanceOf(attempt) <= enough)) return;
    attempts.push({ start, ...(await descent.run(from(), b, { sweeps, ...(order && { order }) })) });
  };
  try {
    const back = () => inverse(canonicalElement(group, a), architecture);
    await tryFrom('canonical', () => compose(back(), canonicalElement(group, b), architecture));
    await tryFrom('identity', () => ({}));
    for (let i = 0; i < restarts; i++) {
      const own = stream!.split('restart').split(i);
      const fixedScale = { scales: [1, 1], shifts: [-1, 0] } as const;
      await tryFrom('random', () => randomElement(group, own.split('start'), fixedScale), own.split('order'));
    }
  } finally {
    await products.release();
  }
  const best = attempts.reduce(
    (least, attempt, i) => (distanceOf(attempt) < distanceOf(attempts[least]!) ? i : least),
    0,
  );
  return { attempts, best };
}
