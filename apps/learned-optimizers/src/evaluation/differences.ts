/** @file Two optimizers beside each other, network by network: far narrower intervals than those of the two apart. */
import { meanInterval } from '@weightspace/experiment';
import type { MeanInterval } from '@weightspace/experiment';
import type { InnerCurves } from '@weightspace/learned-optimizer';

import type { Column } from '../report/table.ts';
import { intervalText } from '../report/table.ts';
import type { Judgement, Result } from './judge.ts';

/** By how much the first has less (below 0) or more than the other; intervals over networks. */
export interface Difference {
  readonly names: readonly [first: string, other: string];
  /** Training and test losses at the end. */
  readonly training: MeanInterval;
  readonly test: MeanInterval;
  /** Mean over all steps of the normalized loss, which is what meta-training lowers. */
  readonly mean: MeanInterval;
}

/** Of the first learned optimizer from each other one. */
export function differencesOf({ results }: Judgement): readonly Difference[] {
  const [first, ...others] = results.filter(({ isBaseline }) => !isBaseline);
  return others.map((other) => differenceOf(first!, other));
}

function differenceOf(first: Result, other: Result): Difference {
  const between = (of: (curves: InnerCurves) => readonly number[]) => {
    const theirs = of(other.curves);
    return meanInterval(of(first.curves).map((value, n) => value - theirs[n]!));
  };
  return {
    names: [first.name, other.name],
    training: between((curves) => atEnd(curves, 'train/loss')),
    test: between((curves) => atEnd(curves, 'test/loss')),
    mean: between(meanLosses),
  };
}

const atEnd = ({ evaluations, diverged }: InnerCurves, measure: string): readonly number[] =>
  Array.from(evaluations[measure]!.data.slice(-diverged.length));

/** Over steps; one for each network. */
const meanLosses = ({ losses, steps, diverged }: InnerCurves): readonly number[] =>
  diverged.map((_, n) => {
    let sum = 0;
    for (let step = 0; step < steps; step++) sum += losses.data[step * diverged.length + n]!;
    return sum / steps;
  });

export const differenceColumns: readonly Column<Difference>[] = [
  ['network by network', 'left', ({ names }) => names.join(' less ')],
  ['training loss', 'right', ({ training }) => intervalText(training)],
  ['mean loss of all steps', 'right', ({ mean }) => intervalText(mean)],
  ['test loss', 'right', ({ test }) => intervalText(test)],
];
