import { siren } from '@weightspace/architecture';
import { assertClose, compile, mapValues, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { createMetanet } from '@weightspace/metanet';
import type { Metanet, Settings } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { networksOf, stream, tiny } from '../networks.ts';

const small = { channels: [4, 6], heads: 2, lastHeads: 3 };
const weights = networksOf(tiny, 8);

/** `apply` and `calibrate`, compiled. */
function compiled(model: Metanet) {
  const params = model.initialize(stream.split('params'));
  const measured = model.measure(weights, stream.split('fixed'));
  const f = compile((p: Tensors, x: Tensors, w: Tensors, n: Tensors | undefined) => model.apply(p, x, w, n), {
    threads: 1,
  });
  const g = compile((p: Tensors, x: Tensors, w: Tensors, n: Tensors) => model.calibrate!(p, x, w, n), { threads: 1 });
  return {
    measured,
    apply: async (w: NdArrays, fixed = measured, noise?: NdArrays) =>
      (await f(params as never, fixed as never, w as never, noise as never)) as unknown as NdArray,
    calibrate: async (w: NdArrays) =>
      (await g(params as never, measured as never, w as never, {} as never)) as unknown as NdArrays,
  };
}

describe('dws', () => {
  // The public code's counts under the same settings, from running it.
  test.each([
    [{}, 552_650],
    [{ setLayer: 'deep-sets' }, 320_586],
    [{ diagonal: true }, 458_794],
    [{ skip: true }, 556_938],
    [{ downsample: 16 }, 8_623_102],
  ] as readonly (readonly [Settings, number])[])('with %j has as many parameters as the public code', (more, count) => {
    expect(createMetanet('dws', siren({ sizes: [2, 32, 32, 1] }), 10, more).parameterCount).toBe(count);
  });

  test('drops nothing in evaluation, and something in training', async () => {
    const [none, much] = [0, 0.9].map((dropout) => createMetanet('dws', tiny, 3, { ...small, dropout, norm: 'layer' }));
    const [a, b] = [compiled(none!), compiled(much!)];
    assertClose(await b.apply(weights), await a.apply(weights), { rtol: 0, atol: 0 });
    const noise = much!.noise(8, RandomStream.fromSeed(1));
    const dropped = await b.apply(weights, b.measured, noise);
    expect(dropped.data).not.toEqual((await b.apply(weights)).data);
    expect(none!.noise(8, RandomStream.fromSeed(1))).toEqual({});
  });

  test('evaluates with calibrated statistics as it trained on the batch that they are of', async () => {
    const model = createMetanet('dws', tiny, 3, small);
    const { apply, calibrate, measured } = compiled(model);
    const statistics = await calibrate(weights);
    expect(Object.keys(measured)).toEqual(expect.arrayContaining(Object.keys(statistics)));
    const trained = await apply(weights, measured, {});
    const evaluated = await apply(weights, { ...measured, ...statistics });
    assertClose(evaluated, trained, { rtol: 1e-4, atol: 1e-4 });
    const plain = await apply(weights);
    expect(Math.max(...plain.data.map((v, i) => Math.abs(v - trained.data[i]!)))).toBeGreaterThan(1e-2);
  });

  test('has no statistics to calibrate without batch norm', () => {
    expect(createMetanet('dws', tiny, 3, { ...small, norm: 'layer' }).calibrate).toBeUndefined();
    expect(createMetanet('dws', tiny, 3, { ...small, norm: 'none' }).calibrate).toBeUndefined();
  });

  test('stays finite on weights of ±100 and of 0', async () => {
    const { apply } = compiled(createMetanet('dws', tiny, 3, { ...small, normalize: false }));
    for (const scale of [100, 0]) {
      const scaled = mapValues(weights, ({ data, shape }) =>
        ndarray(data.map((v) => (scale === 0 ? 0 : Math.sign(v) * scale)) as Float32Array, shape),
      );
      for (const noise of [undefined, {}]) {
        const y = await apply(scaled, undefined, noise);
        expect([...y.data].every(Number.isFinite), `${scale}`).toBe(true);
      }
    }
  });

  test.each([
    [{ channels: [] }, 'channels must be one or more whole numbers above 0, got []'],
    [{ pool: 'median' }, "pool must be one of max, mean, sum, attention, got 'median'"],
    [{ setLayer: 'sab' }, "setLayer must be one of attention, deep-sets, got 'sab'"],
    [{ norm: 'group' }, "norm must be one of batch, layer, none, got 'group'"],
    [{ heads: 0 }, 'heads must be a whole number, 1 or more, got 0'],
    [{ perceptron: 1.5 }, 'perceptron must be a whole number, 1 or more, got 1.5'],
    [{ downsample: -1 }, 'downsample must be a whole number, 0 or more, got -1'],
    [{ dropout: 1 }, 'dropout must be in [0, 1), got 1'],
    [{ initScale: 0 }, 'initScale must be above 0, got 0'],
    [{ channels: [9, 8], heads: 2 }, "heads must be a divisor of the layer's 9 channels, got 2"],
    [{ channels: [8, 9], lastHeads: 2 }, "lastHeads must be a divisor of the layer's 9 channels, got 2"],
  ] as readonly (readonly [Settings, string])[])('says what is wrong with %j', (settings, message) => {
    expect(() => createMetanet('dws', tiny, 3, { ...small, ...settings })).toThrow(`dws: ${message}`);
  });
});
