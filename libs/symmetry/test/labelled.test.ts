import { assertClose, compile, mapValues, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { LabelledNetwork, Space } from '@weightspace/architecture';
import {
  act,
  actTensors,
  compose,
  identityElement,
  inverse,
  isIdentity,
  permuteAxes,
  randomElement,
  stackElements,
  symmetryGroup,
  SymmetryError,
  testElements,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import {
  everything,
  fixed,
  fusedAttention,
  groupedConvolution,
  labelled,
  labelledNetworks,
  leaf,
  plainMlp,
  randomParams,
  stream,
} from './labelled-networks.ts';
import { slowAct } from './oracle.ts';

function expectClose(actual: NdArrays, expected: NdArrays, rtol = 1e-5): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, array] of Object.entries(expected)) assertClose(actual[name]!, array, { rtol, atol: 1e-5 });
}

const networkOf = (arrays: NdArrays, n: number): NdArrays =>
  mapValues(arrays, (a) => {
    const shape = a.shape.slice(1);
    const size = shape.reduce((x, y) => x * y, 1);
    return ndarray(a.data.slice(n * size, (n + 1) * size) as Float32Array, shape);
  });

/** The laws of an action, on one network. */
function checkLaws(network: LabelledNetwork, label: string): void {
  const group = symmetryGroup(network);
  const draws = stream(label);
  const params = randomParams(network, draws.split('params'));
  const [g, h, k] = testElements(group, draws.split('elements'), 3) as [GroupElement, GroupElement, GroupElement];
  expectClose(act(network, g, params), slowAct(network, g, params), 1e-6);
  const both = compose(g, h, network);
  expectClose(act(network, both, params), act(network, g, act(network, h, params)));
  expectClose(
    act(network, compose(both, k, network), params),
    act(network, compose(g, compose(h, k, network), network), params),
  );
  expectClose(act(network, inverse(g, network), act(network, g, params)), params);
  expectClose(act(network, compose(inverse(g, network), g, network), params), params);
  expect(isIdentity(identityElement(group))).toBe(true);
  expectClose(act(network, identityElement(group), params), params, 0);
}

describe.each(labelledNetworks)('the action on %s', (name, network) => {
  test('agrees with the slow one, composes and is undone by the inverse', () => checkLaws(network, name));
  test('gives each stacked network its own element', () => {
    const draws = stream(name);
    const params = randomParams(network, draws, 3);
    const elements = Array.from({ length: 3 }, () => randomElement(symmetryGroup(network), draws));
    const moved = act(network, elements, params);
    elements.forEach((g, n) => {
      expectClose(networkOf(moved, n), act(network, g, networkOf(params, n)), 0);
    });
  });
  test('inside traced functions is the same, compiled and eagerly', async () => {
    const draws = stream(name);
    const params = randomParams(network, draws, 2);
    const elements = Array.from({ length: 2 }, () => randomElement(symmetryGroup(network), draws));
    const expected = act(network, elements, params);
    for (const device of ['cpu', 'eager'] as const) {
      const f = compile((e: Tensors, p: Tensors) => actTensors(network, e, p), { device, threads: 1 });
      expectClose((await f(stackElements(elements, network), params)) as NdArrays, expected, 2e-6);
      await f.release();
    }
  });
});

/** A random forest of spaces, and parameters in which every parent is found: to the left, or on the first axis. */
const networks: fc.Arbitrary<LabelledNetwork> = fc
  .array(
    fc.record({
      size: fc.integer({ min: 1, max: 3 }),
      free: fc.boolean(),
      parent: fc.option(fc.nat(), { freq: 2 }),
      sign: fc.boolean(),
      scale: fc.boolean(),
      phase: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((drawn) => {
    const spaces = drawn.map(({ size, free, parent, ...has }, i): Space => {
      const within = parent === null || i === 0 ? undefined : `s${parent % i}`;
      const symmetries = { sign: has.sign, scale: has.scale && !has.phase, ...(has.phase && { phase: 0.5 }) };
      return leaf(`s${i}`, size, { free, ...symmetries, ...(within !== undefined && { within }) });
    });
    const chain = (i: number): string[] => {
      const { name, within } = spaces[i]!;
      return within === undefined ? [name] : [...chain(Number(within.slice(1))), name];
    };
    const product = fc
      .array(fc.nat(spaces.length - 1), { minLength: 1, maxLength: 2 })
      .map((picks) => picks.flatMap(chain).join('*'));
    const axis = fc.array(product, { minLength: 1, maxLength: 2 }).map((products) => products.join(' + '));
    const own = fc.tuple(axis, axis, fc.constantFrom('', ':index'));
    const across = fc.nat(spaces.length - 1).map((i): [string, string, string] => {
      const names = chain(i);
      return [names.slice(0, -1).join('*') || names[0]!, names.at(-1)!, ''];
    });
    const allParents = (axisLabel: string) =>
      axisLabel.split(' + ').every((product) => {
        const names = product.split('*');
        return names.every((name) => chain(Number(name.slice(1))).every((ancestor) => names.includes(ancestor)));
      });
    const parameters = fc.array(fc.oneof(own, across), { minLength: 1, maxLength: 3 });
    // A shift belongs to a neuron, not to a product of several, of which another one may change its sign.
    const shiftable = (axisLabel: string) =>
      axisLabel.split(' + ').every((product) => {
        const factors = product.split('*').map((name) => spaces.find((s) => s.name === name)!);
        return factors.length === 1 || factors.every(({ symmetries }) => symmetries.phase === undefined);
      });
    return parameters.map((list) =>
      labelled(
        'random',
        spaces,
        Object.fromEntries(
          list.flatMap(([out, into, role], i) => [
            [`l${i}.weight`, [`${out}${role}`, into]],
            ...(shiftable(out) && allParents(out) ? [[`l${i}.bias`, [out]]] : []),
          ]),
        ),
      ),
    );
  })
  .filter(({ parameters }) => parameters.every(({ shape }) => shape.reduce((n, size) => n * size, 1) < 3000));

describe('the action on random labelled networks', () => {
  test('agrees with the slow one, composes and is undone by the inverse', () => {
    let moving = 0;
    fc.assert(
      fc.property(networks, fc.nat(), (network, seed) => {
        moving += symmetryGroup(network).spaces.some(({ within }) => within) ? 1 : 0;
        checkLaws(network, `random ${seed}`);
      }),
      { seed: 3, numRuns: 150 },
    );
    expect(moving).toBeGreaterThan(30);
  });
  test('is the same on tensors', async () => {
    await fc.assert(
      fc.asyncProperty(networks, fc.nat(), async (network, seed) => {
        const draws = stream(`tensors ${seed}`);
        const params = randomParams(network, draws, 2);
        const elements = Array.from({ length: 2 }, () => randomElement(symmetryGroup(network), draws));
        const f = compile((e: Tensors, p: Tensors) => actTensors(network, e, p), { device: 'eager' });
        const actual = (await f(stackElements(elements, network), params)) as NdArrays;
        expectClose(actual, act(network, elements, params), 1e-5);
      }),
      { seed: 4, numRuns: 40 },
    );
  });
});
