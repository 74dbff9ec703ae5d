/** @file How many equivariant linear maps there are, and how many a layer spans. */
import type { Layout } from '@weightspace/metanet';

/** By elimination with pivots; rows are scaled first. */
export function rankOfRows(rows: readonly (readonly number[])[]): number {
  const m = rows.map((row) => {
    const scale = Math.hypot(...row) || 1;
    return row.map((v) => v / scale);
  });
  let found = 0;
  while (found < m.length) {
    let [best, row, column] = [1e-3, -1, -1];
    for (let i = found; i < m.length; i++) {
      for (let j = 0; j < m[i]!.length; j++)
        if (Math.abs(m[i]![j]!) > best) [best, row, column] = [Math.abs(m[i]![j]!), i, j];
    }
    if (row < 0) break;
    [m[found], m[row]] = [m[row]!, m[found]!];
    for (let i = found + 1; i < m.length; i++) {
      const factor = m[i]![column]! / m[found]![column]!;
      for (let j = 0; j < m[i]!.length; j++) m[i]![j]! -= factor * m[found]![j]!;
    }
    found++;
  }
  return found;
}

/**
 * The dimension of the space of equivariant linear maps: the number of orbits of pairs (entry in, entry out), which are
 * in one orbit when their neurons coincide in the same places; by brute force over all pairs.
 */
export function orbitsOf(layout: Layout): number {
  const range = (n: number) => [...Array(n).keys()];
  const entries = layout.tensors.flatMap((t) => {
    const all = t.axes.reduce<number[][]>(
      (list, axis) => list.flatMap((head) => range(t.shape[axis]!).map((i) => [...head, i])),
      [[]],
    );
    return all.flatMap((indices) => range(t.folded).map((channel) => ({ t, indices, channel })));
  });
  const seen = new Set<string>();
  for (const a of entries) {
    for (const b of entries) {
      const shared = a.t.spaces.map((space, i) => {
        const j = b.t.spaces.indexOf(space);
        return j < 0 ? '-' : a.indices[i] === b.indices[j] ? '=' : '≠';
      });
      seen.add([a.t.name, a.channel, b.t.name, b.channel, ...shared].join(' '));
    }
  }
  return seen.size;
}
