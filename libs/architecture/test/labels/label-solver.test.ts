import { describe, expect, test } from 'vitest';

import { LabelError, LabelSolver } from '@weightspace/architecture';
import type { Label } from '@weightspace/architecture';

/** Registers labels as tensors of their own and says what they became. */
function solved(solver: LabelSolver, labels: { readonly [key: string]: Label | readonly Label[] }) {
  const isList = (value: Label | readonly Label[]): value is readonly Label[] => Array.isArray(value[0]?.[0]);
  for (const [key, value] of Object.entries(labels)) {
    if (isList(value)) solver.register(key, value);
    else solver.register(key, [value], [key]);
  }
  const { leaves, composites, axes } = solver.finish();
  const segments = (name: string) => composites.find((c) => c.name === name)?.segments ?? [[name]];
  return {
    leaves: leaves.map(
      ({ name, size, free, within }) => `${name}:${size}${free ? '' : '!'}${within ? `|${within}` : ''}`,
    ),
    axes: Object.fromEntries(
      [...axes].map(([key, names]) => [
        key,
        names
          .map((name) =>
            segments(name)
              .map((s) => s.join('·'))
              .join(' + '),
          )
          .join(' , '),
      ]),
    ),
    composites: composites.map(({ name }) => name),
  };
}

describe('LabelSolver', () => {
  test('unites plain leaves, called after the first', () => {
    const solver = new LabelSolver();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => solver.space({ name, size: 4 })) as [Label, Label, Label];
    solver.unify(c, b);
    solver.unify(b, a);
    expect(solved(solver, { a, b, c })).toEqual({
      leaves: ['a:4'],
      axes: { a: 'a', b: 'a', c: 'a' },
      composites: [],
    });
  });
  test('spreads what is fixed', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.space({ name: 'a', size: 4 }), solver.space({ name: 'y', size: 4, free: false })];
    solver.unify(a, b);
    expect(solved(solver, { a, b }).leaves).toEqual(['a:4!']);
    expect(solver.isFree(a)).toBe(false);
  });
  test('takes a plain leaf apart where it meets a product, and keeps orders within heads apart', () => {
    const solver = new LabelSolver();
    const h = solver.space({ name: 'h', size: 6 });
    const head = solver.leaf({ name: 'head', size: 2, kind: 'head' });
    const d = solver.leaf({ name: 'd', size: 3, within: head });
    solver.unify(h, [[head, d]]);
    expect(solved(solver, { h })).toEqual({ leaves: ['head:2', 'd:3|head'], axes: { h: 'head·d' }, composites: ['h'] });
  });
  test('splits a plain leaf by a reshape into blocks that move as one, and orders within them', () => {
    const solver = new LabelSolver();
    const h = solver.space({ name: 'h', size: 12 });
    const [p, q, r] = solver.splitProduct(h, [2, 3, 2], { names: ['p', 'q', 'r'] });
    const back = solver.merge([p!, q!, r!]);
    expect(solved(solver, { h, q: [p!, q!, r!], back })).toEqual({
      leaves: ['p:2', 'q:3|p', 'r:2|q'],
      axes: { h: 'p·q·r', q: 'p , q , r', back: 'p·q·r' },
      composites: ['h'],
    });
  });
  test('refines products whose factors overlap', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.leaf({ name: 'a', size: 6 }), solver.leaf({ name: 'b', size: 2 })];
    const [c, e] = [solver.leaf({ name: 'c', size: 3 }), solver.leaf({ name: 'e', size: 4 })];
    solver.unify([[a, b]], [[c, e]]);
    // e has one order, so what it shares with a can't depend on c.
    expect(solved(solver, { l: [[a, b]], r: [[c, e]], e: [[e]] })).toEqual({
      leaves: ['b:2', 'c:3', 'a.1:2'],
      axes: { l: 'c·a.1·b', r: 'c·a.1·b', e: 'a.1·b' },
      composites: ['l', 'e'],
    });
  });
  test('freezes both sides where sizes have no common refinement', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.leaf({ name: 'a', size: 4 }), solver.leaf({ name: 'b', size: 9 })];
    const [c, e] = [solver.leaf({ name: 'c', size: 6 }), solver.leaf({ name: 'e', size: 6 })];
    solver.unify([[a, b]], [[c, e]]);
    expect(solved(solver, { l: [[a, b]], r: [[c, e]] }).leaves).toEqual(['a:4!', 'b:9!', 'c:6!', 'e:6!']);
  });
  test('cuts a leaf that meets a concatenation', () => {
    const solver = new LabelSolver();
    const [a, b, sum] = [
      solver.space({ name: 'a', size: 2 }),
      solver.space({ name: 'b', size: 3 }),
      solver.space({ name: 'sum', size: 5 }),
    ];
    solver.unify(sum, solver.concat([a, b]));
    expect(solved(solver, { sum, a })).toEqual({
      leaves: ['a:2', 'b:3'],
      axes: { sum: 'a + b', a: 'a' },
      composites: ['sum'],
    });
  });
  test('refines two concatenations at all of their boundaries', () => {
    const solver = new LabelSolver();
    const leaf = (name: string, size: number) => solver.space({ name, size });
    const [a, b, c, e] = [leaf('a', 2), leaf('b', 3), leaf('c', 4), leaf('e', 1)];
    solver.unify([...a, ...b], [...c, ...e]);
    expect(solved(solver, { a, b, c, e }).axes).toEqual({ a: 'a', b: 'c.1 + e', c: 'a + c.1', e: 'e' });
  });
  test('writes flattened channels of a concatenation out, channel by channel', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.space({ name: 'a', size: 2 }), solver.space({ name: 'b', size: 3 })];
    const c = solver.space({ name: 'c', size: 5 });
    const position = solver.space({ name: 'xy', size: 4, kind: 'position', free: false });
    const flat = solver.merge([c, position]);
    solver.unify(c, solver.concat([a, b]));
    expect(solved(solver, { flat }).axes).toEqual({ flat: 'a·xy + b·xy' });
  });
  test('writes a concatenation behind fixed factors out, and freezes it behind free ones', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.space({ name: 'a', size: 2 }), solver.space({ name: 'b', size: 3 })];
    const c = solver.concat([a, b]);
    const position = solver.space({ name: 'xy', size: 3, kind: 'position', free: false });
    expect(solved(solver, { last: solver.merge([position, c]) }).axes).toEqual({ last: 'a + b + a + b + a + b' });
    const head = solver.space({ name: 'head', size: 2 });
    const { axes, leaves } = solved(solver, { behind: solver.merge([head, c]), a });
    expect(axes['behind']).toMatch(/^head·space\d+$/);
    expect(leaves.filter((leaf) => !leaf.includes('!'))).toEqual([]);
    expect(leaves).toContain('a:2!');
  });
  test('takes a concatenation of equal segments for a product, as rotary embeddings make it', () => {
    const solver = new LabelSolver();
    const head = solver.space({ name: 'head', size: 2 });
    const d = solver.space({ name: 'd', size: 6, within: head[0]![0]! });
    const whole = solver.merge([head, d]);
    const [x, y] = solver.splitConcat(d, [3, 3]);
    solver.unify(solver.concat([x!, y!]), solver.concat([y!, x!]));
    expect(solved(solver, { whole })).toEqual({
      leaves: ['head:2', 'd.0:3|head', 'd.copy:2!'],
      axes: { whole: 'head·d.copy·d.0' },
      composites: ['whole'],
    });
  });
  test('tells q, k and v of a fused projection apart where their axis is cut', () => {
    const solver = new LabelSolver();
    const rows = solver.space({ name: 'rows', size: 36 });
    const axes = solver.splitProduct(rows, [3, 2, 6], { names: ['three', 'head', 'd'] });
    const [q, k, v] = solver.select(axes, 0, [1, 1, 1]);
    solver.unifyAxes([q![2]!, q![1]!], [k![2]!, k![1]!]);
    solver.unify(q![1]!, v![1]!);
    const { leaves, axes: found } = solved(solver, { rows, v: [v![1]!, v![2]!] });
    expect(found).toEqual({ rows: 'head.0·d.0 + head.0·d.0 + head.0·d.1.1', v: 'head.0 , d.1.1' });
    expect(leaves.map((l) => l.replace(/^[^:]*/, ''))).toEqual([':2', ':6|head.0', ':6|head.0']);
  });
  test('drops the parent where it is summed over', () => {
    const solver = new LabelSolver();
    const g = solver.leaf({ name: 'g', size: 2 });
    const i = solver.leaf({ name: 'i', size: 3, within: g });
    solver.uniformize([[i]]);
    expect(solved(solver, { w: [[[g]], [[i]]] }).leaves).toEqual(['g:2', 'i:3']);
  });
  test('drops the parent where no axis of a tensor tells which member it is', () => {
    const solver = new LabelSolver();
    const g = solver.leaf({ name: 'g', size: 2 });
    const i = solver.leaf({ name: 'i', size: 3, within: g });
    expect(solved(solver, { w: [[[g]], [[i]]] }).leaves).toEqual(['g:2', 'i:3|g']);
    expect(solved(solver, { alone: [[i]] }).leaves).toEqual(['g:2', 'i:3']);
  });
  test('unites what is within spaces that are united, in whichever order the axes come', () => {
    for (const order of [(x: Label[]) => x, (x: Label[]) => x.toReversed()]) {
      const solver = new LabelSolver();
      const make = (n: string): Label[] => {
        const head = solver.leaf({ name: `head${n}`, size: 2 });
        return [[[head]], [[solver.leaf({ name: `d${n}`, size: 3, within: head })]]];
      };
      const [p, q] = [make('1'), make('2')];
      solver.unifyAxes(order(p), order(q));
      expect(solved(solver, { p, q }).leaves).toEqual(['head1:2', 'd1:3|head1']);
    }
  });
  test('makes an order uniform where it is within on one side only, or within something else', () => {
    const solver = new LabelSolver();
    const [g, h] = [solver.leaf({ name: 'g', size: 2 }), solver.leaf({ name: 'h', size: 5 })];
    const [i, j, k] = [g, h, undefined].map((within, n) => solver.leaf({ name: 'ijk'[n]!, size: 3, within }));
    solver.unify([[i!]], [[j!]]);
    expect(solver.describe(j!)).toMatchObject({ name: 'i', size: 3, kind: 'neuron', free: true, within: undefined });
    solver.unify([[k!]], [[j!]]);
    expect(solved(solver, { w: [[[g]], [[k!]]] }).leaves).toEqual(['g:2', 'i:3']);
  });
  test('keeps what both are within, further out', () => {
    const solver = new LabelSolver();
    const g = solver.leaf({ name: 'g', size: 2 });
    const [p, q] = ['p', 'q'].map((name) => solver.leaf({ name, size: 5, within: g })) as [number, number];
    const [i, j] = [p, q].map((within, n) => solver.leaf({ name: 'ij'[n]!, size: 3, within })) as [number, number];
    solver.unify([[i]], [[j]]);
    expect(solved(solver, { w: [[[g]], [[i]]] }).leaves).toEqual(['g:2', 'i:3|g']);
  });
  test('gives an open leaf what the other is within', () => {
    const solver = new LabelSolver();
    const g = solver.leaf({ name: 'g', size: 2 });
    const i = solver.leaf({ name: 'i', size: 3, within: g });
    const [open, closed] = [true, false].map((isOpen) => solver.leaf({ name: 'o', size: 3, open: isOpen }));
    solver.unify([[open!]], [[i]]);
    expect(solver.describe(i).within).toBe(g);
    solver.unify([[closed!]], [[i]]);
    expect(solver.describe(i).within).toBeUndefined();
  });
  test('freezes what a cut between members would break', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.leaf({ name: 'a', size: 3 }), solver.leaf({ name: 'b', size: 4 })];
    const parts = solver.splitConcat([[a, b]], [5, 7]);
    expect(parts.map((label) => solver.sizeOf(label))).toEqual([5, 7]);
    expect(solved(solver, { ab: [[a, b]], x: parts[0]! }).leaves.slice(0, 2)).toEqual(['a:3!', 'b:4!']);
  });
  test('keeps names apart', () => {
    const solver = new LabelSolver();
    const [a, b] = [solver.space({ name: 'a', size: 2 }), solver.space({ name: 'a', size: 3 })];
    expect(solved(solver, { a, b }).axes).toEqual({ a: 'a', b: 'a~2' });
  });
  test.each([
    [(s: LabelSolver) => s.leaf({ name: 'h', size: 0 }), "leaf: size must be a whole number ≥ 1, got 0 for 'h'"],
    [
      (s: LabelSolver) => s.unify(s.space({ size: 2 }), s.space({ size: 3 })),
      'unify: labels must have one size, got 2 and 3',
    ],
    [
      (s: LabelSolver) => s.splitProduct(s.space({ size: 6 }), [2, 4]),
      'splitProduct: sizes [2, 4] must have the product 6',
    ],
    [(s: LabelSolver) => s.splitConcat(s.space({ size: 6 }), [2, 3]), 'splitConcat: sizes [2, 3] must have the sum 6'],
    [
      (s: LabelSolver) => s.unifyAxes([s.space({ size: 6 })], []),
      'unifyAxes: there must be as many axes on both sides, got 1 and 0',
    ],
    [(s: LabelSolver) => s.sizeOf([[7]]), "label: leaf 7 must be one of this solver's 0"],
  ])('refuses what no axis allows (%#)', (call, message) => {
    expect(() => call(new LabelSolver())).toThrow(LabelError);
    expect(() => call(new LabelSolver())).toThrow(message);
  });
});
