import { countTerms, partitionsOf, universalPlan } from '@weightspace/metanet';
import type { Index, IndexedTensor } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { chain, collections, heads, joint, orbits, range, recurrent, triple, validPartitions } from './tensors.ts';

/** By the triangle. */
function bell(n: number): number {
  let row = [1];
  for (let i = 1; i < n; i++) row = row.reduce((next, value) => [...next, next.at(-1)! + value], [row.at(-1)!]);
  return n === 0 ? 1 : row.at(-1)!;
}

const flat = (n: number) => range(n).map(() => ({ space: 'n', size: n, parent: undefined }));

describe('partitionsOf', () => {
  test('gives as many as Bell numbers for equal labels, and their products for several', () => {
    expect(range(7).map((n) => partitionsOf(flat(n)).length)).toEqual([1, 1, 2, 5, 15, 52, 203]);
    expect(range(7).map(bell)).toEqual([1, 1, 2, 5, 15, 52, 203]);
    const two = [...flat(4), ...flat(3).map((index) => ({ ...index, space: 'm' }))];
    expect(partitionsOf(two).length).toBe(bell(4) * bell(3));
  });

  test.each(collections)('on pairs of tensors of %s, gives those of brute force', (_, { tensors }) => {
    for (const o of tensors) {
      for (const s of tensors) {
        const found = partitionsOf(joint(o, s)).map((parts) => parts.join());
        expect(found.sort()).toEqual(
          validPartitions(joint(o, s))
            .map((parts) => parts.join())
            .sort(),
        );
      }
    }
  });
});

describe('universalPlan', () => {
  test.each(collections)('of %s has each partition once as a pair of a source and a target', (_, { tensors }) => {
    const plan = universalPlan(tensors);
    for (const o of tensors) {
      for (const s of tensors) expect(countTerms(plan, o.name, s.name)).toBe(validPartitions(joint(o, s)).length);
    }
  });

  test('has 4 terms of a weight to itself and 2 to its neighbour in a chain, 15 for a recurrent weight, 203 for a triple', () => {
    const terms = countTerms.bind(undefined, universalPlan(chain.tensors));
    expect(['w2', 'w1', 'b1', 'b2', 'w3', 'b3'].map((s) => terms('w2', s))).toEqual([4, 2, 2, 2, 2, 1]);
    expect(['w1', 'b1', 'w2'].map((o) => terms(o, 'b1'))).toEqual([2, 2, 2]);
    expect(countTerms(universalPlan(recurrent.tensors), 'hh', 'hh')).toBe(15);
    expect(countTerms(universalPlan(triple.tensors), 't', 't')).toBe(203);
  });

  test('compares channels of heads only in the same head', () => {
    const terms = countTerms.bind(undefined, universalPlan(heads.tensors));
    // Heads differ, or agree; if they agree, channels differ or agree. A plain product of labels would give 4 and 8.
    expect(terms('bq', 'bq')).toBe(3);
    expect(terms('q', 'k')).toBe(6);
    expect(terms('q', 'v')).toBe(4);
  });

  test.each(collections)(
    'of %s has a term for each orbit of the group on pairs of entries, and a bias for each on entries',
    (_, own) => {
      const { tensors } = own;
      const possible = (o: IndexedTensor, s: IndexedTensor | undefined) => {
        const indices = s ? joint(o, s) : o.indices;
        const terms = validPartitions(indices).filter((parts) => isPossible(indices, parts));
        return o.folded * (s?.folded ?? 1) * terms.length;
      };
      expect(orbits(own)).toEqual({
        entries: sum(tensors.map((o) => possible(o, undefined))),
        pairs: sum(tensors.flatMap((o) => tensors.map((s) => possible(o, s)))),
      });
    },
  );
});

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Whether there are members enough for all parts to differ; the term of one that isn't is in the span of the others. */
function isPossible(indices: readonly Index[], parts: readonly number[]): boolean {
  return indices.every(({ space, size, parent }) => {
    const siblings = indices.flatMap((other, at) => {
      const same = other.space === space && (parent === undefined || parts[other.parent!] === parts[parent]);
      return same ? [parts[at]!] : [];
    });
    return new Set(siblings).size <= size;
  });
}
