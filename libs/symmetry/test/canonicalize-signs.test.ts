import { forwardStacked } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { assertClose, compile, mapValues } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  act,
  assertEquivariance,
  canonicalizeSigns,
  certifyInvariance,
  randomElement,
  symmetryGroup,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import { networks, reluNet, residualNet, sineNet, stream, tanhNet } from './networks.ts';

const COUNT = 4;
const cases = [
  ['sine', sineNet],
  ['tanh', tanhNet],
  ['residual', residualNet],
] as const;
const canonical = (architecture: Architecture, device: 'cpu' | 'eager' = 'cpu') => {
  const f = compile((w: Tensors) => canonicalizeSigns(architecture, w), { threads: 1, device });
  return async (w: NdArrays) => (await f(w)) as NdArrays;
};
const elements = (architecture: Architecture): GroupElement[] => {
  const [group, draws] = [symmetryGroup(architecture), stream('elements')];
  return Array.from({ length: 5 }, () => randomElement(group, draws));
};
const orderOnly = (g: GroupElement): GroupElement =>
  Object.fromEntries(Object.entries(g).map(([space, { permutation }]) => [space, { permutation }]));

describe('canonicalizeSigns', () => {
  test.each(cases)(
    'forgets signs and phases and keeps the order of neurons on %s networks',
    async (_, architecture) => {
      const report = await assertEquivariance({
        f: canonical(architecture),
        input: networks(architecture, COUNT),
        elements: elements(architecture),
        actIn: (g, w) => act(architecture, g, w),
        actOut: (g, w) => act(architecture, orderOnly(g), w),
      });
      expect(report.error).toBeLessThan(1e-5);
    },
  );

  test('the check fails where nothing is chosen', async () => {
    const report = await certifyInvariance({
      f: (w) => w,
      input: networks(sineNet, COUNT),
      elements: elements(sineNet),
      actIn: (g, w) => act(sineNet, g, w),
    });
    expect(report.passed).toBe(false);
  });

  test.each(cases)('keeps the function of %s networks, compiled and eagerly', async (_, architecture) => {
    const w = networks(architecture, COUNT);
    const x = stream('points').uniform([20, 3], -1, 1);
    for (const device of ['cpu', 'eager'] as const) {
      const f = compile((p: Tensors, at: Tensor) => forwardStacked(architecture, p, at), { threads: 1, device });
      const before = mapValues({ y: await f(w, x) }, (y: NdArray) => ({ ...y, data: y.data.slice() }) as NdArray);
      const after = await f(await canonical(architecture, device)(w), x);
      assertClose(after, before['y']!, { rtol: 1e-4, atol: 2e-5 });
      await f.release();
    }
  });

  test('puts phases within half a half period, and signs where the rule says', async () => {
    const moved = act(sineNet, elements(sineNet).slice(0, COUNT), networks(sineNet, COUNT));
    const w = await canonical(sineNet)(moved);
    const half = Math.PI / 30 / 2;
    for (const name of ['layer1.bias', 'layer2.bias', 'layer3.bias'])
      for (const phase of w[name]!.data) expect(Math.abs(phase)).toBeLessThanOrEqual(half * 1.0001);
    const first = w['layer1.weight']!;
    for (let i = 0; i < first.data.length; i += first.shape[2]!) expect(first.data[i]!).toBeGreaterThanOrEqual(0);
    const [outs, ins] = w['layer4.weight']!.shape.slice(1) as [number, number];
    for (let n = 0; n < COUNT; n++)
      for (let k = 0; k < ins; k++) expect(w['layer4.weight']!.data[n * outs * ins + k]!).toBeGreaterThanOrEqual(0);
  });

  test('leaves a network without these symmetries as it is', async () => {
    const w = networks(reluNet, COUNT);
    const same = await canonical(reluNet)(w);
    for (const name of Object.keys(w)) expect(same[name]!.data).toEqual(w[name]!.data);
  });
});
