import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { instancesOf, LabelSolver, segmentsOf } from '@weightspace/architecture';
import type { Finished, Label, Space } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';

/** The finished spaces as a network that elements can be drawn for. */
function networkOf({ leaves, composites }: Finished) {
  const none = {
    activation: { kind: 'identity' },
    symmetries: { sign: false, scale: false, phase: undefined },
  } as const;
  return { spaces: leaves.map((leaf): Space => ({ ...leaf, ...none })), composites };
}
type Network = ReturnType<typeof networkOf>;

/** For each space and each member of what it is within, an order of its own; the identity where it is fixed. */
function randomOrders(network: Network, stream: RandomStream): Map<string, number[][]> {
  return new Map(
    network.spaces.map(({ name, size, free }) => [
      name,
      Array.from({ length: instancesOf(network, name) }, () =>
        free ? Array.from(stream.permutation(size)) : Array.from({ length: size }, (_, i) => i),
      ),
    ]),
  );
}

/** What the orders do to one axis, written out place by place: the new place i holds what was at result[i]. */
function orderOfAxis(network: Network, label: string, orders: Map<string, number[][]>): number[] {
  const result: number[] = [];
  const space = (name: string) => network.spaces.find((s) => s.name === name)!;
  for (const product of segmentsOf(network, label)) {
    const start = result.length;
    const sizes = product.map((name) => space(name).size);
    const total = sizes.reduce((n, size) => n * size, 1);
    for (let place = 0; place < total; place++) {
      let rest = place;
      const members = sizes.toReversed().map((size) => {
        const member = rest % size;
        rest = Math.floor(rest / size);
        return member;
      });
      members.reverse();
      const instance = (name: string): number => {
        const parent = space(name).within;
        return parent === undefined ? 0 : instance(parent) * space(parent).size + members[product.indexOf(parent)]!;
      };
      const old = product.reduce((at, name, i) => at * sizes[i]! + orders.get(name)![instance(name)]![members[i]!]!, 0);
      result.push(start + old);
    }
  }
  return result;
}

const sizes = [2, 3, 4, 6, 12];
type Step =
  | { readonly kind: 'unify'; readonly a: number; readonly b: number }
  | { readonly kind: 'reshape'; readonly a: number; readonly parts: number }
  | { readonly kind: 'cut'; readonly a: number; readonly at: number }
  | { readonly kind: 'merge' | 'concat'; readonly a: number; readonly b: number }
  | { readonly kind: 'freeze'; readonly a: number };
const at = fc.nat(40);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('unify' as const), a: at, b: at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reshape' as const), a: at, parts: at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), a: at, at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('merge' as const, 'concat' as const), a: at, b: at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('freeze' as const), a: at }) },
);

/** Equations between axes, in the order in which they were made. */
interface Problem {
  readonly solver: LabelSolver;
  readonly labels: Label[];
  readonly equal: (readonly [Label, Label])[];
  readonly frozen: Label[];
}

function take(problem: Problem, s: Step): void {
  const { solver, labels, equal, frozen } = problem;
  const a = labels[s.a % labels.length]!;
  const size = solver.sizeOf(a);
  if (s.kind === 'unify') {
    const same = labels.filter((label) => solver.sizeOf(label) === size);
    const b = same[s.b % same.length]!;
    solver.unify(a, b);
    equal.push([a, b]);
  } else if (s.kind === 'reshape') {
    const divisors = sizes.filter((d) => d < size && size % d === 0);
    if (divisors.length === 0) return;
    const d = divisors[s.parts % divisors.length]!;
    const parts = solver.splitProduct(a, [d, size / d]);
    equal.push([a, solver.merge(parts)]);
  } else if (s.kind === 'cut') {
    if (size < 2) return;
    const first = 1 + (s.at % (size - 1));
    const parts = solver.splitConcat(a, [first, size - first]);
    equal.push([a, solver.concat(parts)]);
    labels.push(...parts);
  } else if (s.kind === 'freeze') {
    solver.freeze(a);
    frozen.push(a);
  } else {
    const b = labels[s.b % labels.length]!;
    if (size + solver.sizeOf(b) > 40 || size * solver.sizeOf(b) > 150) return;
    labels.push(s.kind === 'merge' ? solver.merge([a, b]) : solver.concat([a, b]));
  }
}

describe('LabelSolver, on random equations', () => {
  test('gives both sides of every equation the same group', () => {
    const leaves = fc.array(fc.tuple(fc.constantFrom(...sizes), fc.boolean()), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(leaves, fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(1000), (given, steps, seed) => {
        const solver = new LabelSolver();
        const labels = given.map(([size, free], i) => solver.space({ name: `s${i}`, size, free: free || i > 0 }));
        const problem: Problem = { solver, labels, equal: [], frozen: [] };
        steps.forEach((s) => take(problem, s));
        problem.equal.forEach(([a, b], i) => solver.register(`${i}`, [a, b]));
        problem.frozen.forEach((label, i) => solver.register(`frozen ${i}`, [label]));
        labels.forEach((label, i) => solver.register(`label ${i}`, [label]));
        const finished = solver.finish();
        const network = networkOf(finished);
        const orders = randomOrders(network, RandomStream.fromSeed(seed));
        problem.equal.forEach((_, i) => {
          const [p, q] = finished.axes.get(`${i}`)!.map((label) => orderOfAxis(network, label, orders));
          expect(p).toEqual(q);
          expect(p!.toSorted((x, y) => x - y)).toEqual(p!.map((_place, place) => place));
        });
        problem.frozen.forEach((_, i) => {
          const order = orderOfAxis(network, finished.axes.get(`frozen ${i}`)![0]!, orders);
          expect(order).toEqual(order.map((_place, place) => place));
        });
      }),
      { numRuns: 400, seed: 3 },
    );
  });
});
