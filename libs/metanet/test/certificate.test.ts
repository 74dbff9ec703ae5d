import { compile } from '@weightspace/compute';
import type { NdArrays, Tensors, tf } from '@weightspace/compute';
import {
  createMetanet,
  fourierFeatures,
  layoutOf,
  pool,
  probeFeatures,
  probeParameters,
  withCanonicalSigns,
} from '@weightspace/metanet';
import type { Layout, Metanet, Permutable, Settings } from '@weightspace/metanet';
import {
  act,
  assertBatchIndependence,
  assertEquivariance,
  assertInvariance,
  certifyInvariance,
  permuteAxes,
  randomElement,
  symmetryGroup,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import {
  BATCH,
  chain,
  CLASSES,
  featuresOf,
  layerOf,
  networksOf,
  ready,
  shallow,
  smallSettings,
  stream,
  tiny,
} from './networks.ts';

const architectures = { chain, tiny, shallow };
/** Permutes features: their axes are those of the layout, their channels stay. */
const actOn =
  (layout: Layout) =>
  (g: GroupElement, x: NdArrays): NdArrays =>
    Object.fromEntries(
      layout.tensors.map((t) => [t.name, permuteAxes(g, x[t.name]!, [undefined, ...t.spaces, undefined])]),
    );

/** Elements on every space of the layout, inputs and outputs too where they permute; none is the identity. */
const elementsOf = (layout: Layout): GroupElement[] =>
  [1, 2, 3].map((shift) =>
    Object.fromEntries(
      [...layout.spaces].map(([name, size]) => [
        name,
        { permutation: Int32Array.from({ length: size }, (_, i) => (i + shift) % size) },
      ]),
    ),
  );

describe('equivariantLinear', () => {
  test.each(
    Object.entries(architectures).flatMap(([name, architecture]) =>
      (['hidden', 'all'] as Permutable[]).map((permutable) => [name, permutable, architecture] as const),
    ),
  )('on %s commutes with permuting %s spaces', async (_, permutable, architecture) => {
    const layout = layoutOf('test', architecture, permutable);
    const { apply } = layerOf(layout, 9, 8);
    const report = await assertEquivariance({
      f: apply,
      input: featuresOf(layout, 9, BATCH),
      elements: elementsOf(layout),
      actIn: actOn(layout),
      actOut: actOn(layout),
    });
    expect(report.error).toBeLessThan(1e-5);
  });

  test('the check fails for a layer that also weighs neurons by their place', async () => {
    const layout = layoutOf('test', chain, 'hidden');
    const { apply } = layerOf(layout, 9, 8);
    const biased = async (x: NdArrays) => {
      const y = await apply(x);
      const [first] = layout.tensors;
      y[first!.name]!.data[0]! += 0.01;
      return y;
    };
    await expect(
      assertEquivariance({
        f: biased,
        input: featuresOf(layout, 9, BATCH),
        elements: elementsOf(layout),
        actIn: actOn(layout),
        actOut: actOn(layout),
      }),
    ).rejects.toThrow('layer1.weight');
  });
});

describe.each(Object.entries(architectures))('on %s', (_, architecture) => {
  const actIn = (g: GroupElement, w: NdArrays) => act(architecture, g, w);

  test.each(['nfn-np', 'nfn-hnp'])('%s with canonical signs is invariant to the whole group', async (kind) => {
    const settings = { ...smallSettings[kind]!, canonicalSigns: true };
    const draws = stream.split('signs');
    const whole = symmetryGroup(architecture);
    const elements = Array.from({ length: 4 }, () => randomElement(whole, draws));
    const run = (chosen: Settings) =>
      certifyInvariance({
        f: ready(createMetanet(kind, architecture, CLASSES, chosen), false),
        input: networksOf(architecture),
        elements,
        actIn,
      });
    expect((await run(settings)).error).toBeLessThan(1e-5);
    expect((await run(smallSettings[kind]!)).passed).toBe(false);
  });

  test('ng-gnn is invariant to the whole group when signs are made canonical for it, and else is not', async () => {
    const draws = stream.split('signs');
    const whole = symmetryGroup(architecture);
    const elements = Array.from({ length: 4 }, () => randomElement(whole, draws));
    const model = createMetanet('ng-gnn', architecture, CLASSES);
    const run = (chosen: Metanet) =>
      certifyInvariance({ f: ready(chosen, false), input: networksOf(architecture), elements, actIn });
    expect((await run(withCanonicalSigns(model))).error).toBeLessThan(1e-5);
    expect((await run(model)).passed).toBe(false);
  });

  test.each(['nfn-np', 'nfn-hnp'])(
    '%s with probe features is invariant to the order of hidden neurons',
    async (kind) => {
      for (const more of [{ probes: 9 }, { probes: 9, probeReadout: false, normalize: false }] as Settings[]) {
        const model = createMetanet(kind, architecture, CLASSES, { ...smallSettings[kind]!, ...more });
        const elements = elementsOf(layoutOf('test', architecture, 'hidden'));
        const f = ready(model, false);
        await assertInvariance({ f, input: networksOf(architecture), elements, actIn });
        await assertBatchIndependence({ f, input: networksOf(architecture) });
      }
    },
  );

  test('probe features move with their neurons', async () => {
    const params = probeParameters('test', architecture, 9, 8, stream.split('probe'));
    const f = compile((p: Tensors, w: Tensors) => probeFeatures(p, architecture, w).features, { threads: 1 });
    const biases = architecture.parameters.filter((p) => p.kind === 'bias');
    const actOut = (g: GroupElement, y: NdArrays): NdArrays =>
      Object.fromEntries(biases.map((p) => [p.name, permuteAxes(g, y[p.name]!, [undefined, p.axes[0], undefined])]));
    await assertEquivariance({
      f: async (w) => (await f(params as never, w as never)) as unknown as NdArrays,
      input: networksOf(architecture),
      elements: elementsOf(layoutOf('test', architecture, 'hidden')),
      actIn,
      actOut,
    });
  });

  test('pooling is invariant, and Fourier features work entry by entry', async () => {
    const layout = layoutOf('test', architecture, 'hidden');
    const pooled = compile((x: Tensors) => ({ pooled: pool(layout, x, new Set(layout.spaces.keys())) }), {
      threads: 1,
    });
    await assertInvariance({
      f: async (x) => (await pooled(x as never)) as unknown as NdArrays,
      input: featuresOf(layout, 9, BATCH),
      elements: elementsOf(layout),
      actIn: actOn(layout),
    });
    const frequencies = stream.split('f').normal([1, 9]);
    const encoded = compile(
      (w: Tensors, f: tf.Tensor) =>
        Object.fromEntries(Object.entries(w).map(([name, x]) => [name, fourierFeatures(x, f)])),
      { threads: 1 },
    );
    const actOut = (g: GroupElement, y: NdArrays): NdArrays =>
      Object.fromEntries(
        architecture.parameters.map((p) => [p.name, permuteAxes(g, y[p.name]!, [undefined, ...p.axes, undefined])]),
      );
    await assertEquivariance({
      f: async (w) => (await encoded(w as never, frequencies)) as unknown as NdArrays,
      input: networksOf(architecture),
      elements: elementsOf(layout),
      actIn,
      actOut,
    });
  });
});
