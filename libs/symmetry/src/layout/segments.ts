/** @file What lies along an axis, one segment after the other. */
import type { LabelledNetwork } from '@weightspace/architecture';

import type { LeafSpace } from './layout.ts';
import { SymmetryError } from '../symmetry-error.ts';

export interface Factor {
  readonly leaf: LeafSpace;
  /** Within the axis. */
  readonly stride: number;
}

export interface Segment {
  readonly offset: number;
  readonly size: number;
  readonly factors: readonly Factor[];
}

export function fail(message: string): never {
  throw new SymmetryError('layoutOf', message);
}

/** An axis or any other list of positions with the name of a space or composite: its segments. */
export function segmentsOf(
  { composites }: LabelledNetwork,
  leaves: ReadonlyMap<string, LeafSpace>,
  label: string,
): readonly Segment[] {
  const composite = composites.find(({ name }) => name === label);
  let offset = 0;
  return (composite?.segments ?? [[label]]).map((names) => {
    const own = names.map((name) => leaves.get(name) ?? fail(`label '${label}' must be of spaces, got '${name}'`));
    const size = own.reduce((product, leaf) => product * leaf.size, 1);
    let stride = size;
    const factors = own.map((leaf) => ({ leaf, stride: (stride /= leaf.size) }));
    offset += size;
    return { offset: offset - size, size, factors };
  });
}
