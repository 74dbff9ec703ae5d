/** @file "Did you mean": the known name that is fewest edits away from a mistyped one. */

/** Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`; letters' case counts half. */
export function editDistance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number) => table[i]![j]!;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const [x, y] = [a[i - 1]!, b[j - 1]!];
      const replace = x === y ? 0 : x.toLowerCase() === y.toLowerCase() ? 0.5 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + replace);
      const swapped = i > 1 && j > 1 && x === b[j - 2] && a[i - 2] === y;
      if (swapped) best = Math.min(best, at(i - 2, j - 2) + 1);
      table[i]![j] = best;
    }
  }
  return at(a.length, b.length);
}

/** The known name nearest to `name`, or undefined when none is near enough to be what was meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let distance = Math.max(1, Math.floor(name.length * 0.4)) + 0.25;
  for (const candidate of known) {
    // A forgotten hyphen is no mistake to count: "nfnp" is near "nfn-np".
    const d = Math.min(editDistance(name, candidate), editDistance(plain(name), plain(candidate)) + 0.1);
    if (d < distance) [best, distance] = [candidate, d];
  }
  return best;
}

const plain = (name: string): string => name.replaceAll(/[-_. ]/g, '');
