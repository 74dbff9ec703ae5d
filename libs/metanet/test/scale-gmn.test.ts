import { mlp, siren } from '@weightspace/architecture';
import { compile, RandomStream } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';
import { createEditor, createMetanet } from '@weightspace/metanet';
import type { Settings, WeightFunction } from '@weightspace/metanet';
import { act, certifyEquivariance, certifyInvariance, randomElement, symmetryGroup } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { BATCH, CLASSES, networksOf, stream } from './networks.ts';

/** Every symmetry of single neurons: sign and phase; sign; positive scale. */
const networks = {
  sine: siren({ sizes: [3, 5, 7, 4, 2], outputOffset: 0.5 }),
  tanh: mlp({ sizes: [3, 5, 7, 2], activation: 'tanh' }),
  ReLU: mlp({ sizes: [3, 5, 7, 2], activation: 'relu' }),
};
const settings: Settings = { width: 9, layers: 2, head: [19] };
const kinds = ['scale-gmn', 'scale-gmn-b'];
const cases = kinds.flatMap((kind) => Object.entries(networks).map(([name, a]) => [kind, name, a] as const));

function mapOf(model: WeightFunction<unknown>): (w: NdArrays) => Promise<NdArrays> {
  const params = model.initialize(stream.split('params'));
  const fixed = model.measure(networksOf(model.architecture, 20), stream.split('fixed'));
  const f = compile(
    (p: Tensors, x: Tensors, w: Tensors) => {
      const y = model.apply(p, x, w);
      return 'outputs' in model ? { outputs: y as never } : (y as Tensors);
    },
    { threads: 1 },
  );
  return async (w) => (await f(params as never, fixed as never, w as never)) as unknown as NdArrays;
}

describe.each(cases)('%s on a network of %s', (kind, _, architecture) => {
  const draws = RandomStream.fromSeed(8);
  const elements = Array.from({ length: 4 }, () => randomElement(symmetryGroup(architecture), draws));
  const actIn = (g: GroupElement, w: NdArrays) => act(architecture, g, w);

  test('is invariant to the whole group', async () => {
    const model = createMetanet(kind, architecture, CLASSES, settings);
    const report = await certifyInvariance({
      f: mapOf(model),
      input: networksOf(architecture, BATCH),
      elements,
      actIn,
    });
    expect(report.error).toBeLessThan(1e-5);
  });

  test('gives changes that move with the whole group', async () => {
    const editor = createEditor(kind, architecture, settings);
    const input = networksOf(architecture, BATCH);
    const zero: NdArrays = Object.fromEntries(
      Object.entries(input).map(([name, x]) => [name, { ...x, data: new Float32Array(x.data.length) } as never]),
    );
    // The action on changes is linear: that on parameters without what it does to 0.
    const actOut = (g: GroupElement, y: NdArrays): NdArrays => {
      const [moved, origin] = [act(architecture, g, y), act(architecture, g, zero)];
      return Object.fromEntries(
        Object.entries(moved).map(([name, x]) => [
          name,
          { ...x, data: Float32Array.from(x.data, (v, i) => v - origin[name]!.data[i]!) } as never,
        ]),
      );
    };
    const report = await certifyEquivariance({ f: mapOf(editor), input, elements, actIn, actOut });
    expect(report.error).toBeLessThan(1e-5);
  });
});

test('without phases, a SIREN is told apart from itself with shifted phases, so the check can fail', async () => {
  const draws = RandomStream.fromSeed(8);
  const elements = [randomElement(symmetryGroup(networks.sine), draws)];
  const model = createMetanet('scale-gmn', networks.sine, CLASSES, { ...settings, phases: false });
  const actIn = (g: GroupElement, w: NdArrays) => act(networks.sine, g, w);
  const report = await certifyInvariance({ f: mapOf(model), input: networksOf(networks.sine, BATCH), elements, actIn });
  expect(report.passed).toBe(false);
});
