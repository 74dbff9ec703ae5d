import { compile } from '@weightspace/compute';
import type { NdArrays, Tensors, tf } from '@weightspace/compute';
import {
  createMetanet,
  fourierFeatures,
  layoutOf,
  metanetKinds,
  pool,
  probeFeatures,
  probeParameters,
} from '@weightspace/metanet';
import type { Layout, Permutable, Settings } from '@weightspace/metanet';
import {
  act,
  assertBatchIndependence,
  assertEquivariance,
  assertInvariance,
  certifyInvariance,
  permutationGroup,
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
  withNoise,
} from './networks.ts';

const architectures = { chain, tiny, shallow };
/** Every kind, and NFN in every way of telling inputs and outputs apart, pooling and reading probes. */
const cases: readonly (readonly [string, Settings])[] = [
  ...metanetKinds().flatMap(({ kind }) => (kind === 'flat-mlp' ? [] : [[kind, {}] as const])),
  ...['nfn-np', 'nfn-hnp'].flatMap((kind) => [
    [kind, { position: 'sinusoidal', pool: 'np', probes: 0 }] as const,
    [kind, { position: 'learned', probeReadout: false, normalize: false }] as const,
    [kind, { position: 'none', dropout: 0.5 }] as const,
  ]),
];

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
  const group = permutationGroup(architecture);
  const actIn = (g: GroupElement, w: NdArrays) => act(architecture, g, w);

  const whole = elementsOf(layoutOf('test', architecture, 'hidden'));
  /** Masks stay with their network, which the group moves within. */
  const actInTraining = (g: GroupElement, x: NdArrays): NdArrays => {
    const weights = Object.fromEntries(architecture.parameters.map(({ name }) => [name, x[name]!]));
    return { ...x, ...actIn(g, weights) };
  };

  test.each(cases)('%s %j is invariant to the order of hidden neurons', async (kind, more) => {
    const model = createMetanet(kind, architecture, CLASSES, { ...smallSettings[kind]!, ...more });
    for (const count of [1, BATCH]) {
      const weights = networksOf(architecture, count);
      for (const training of [false, true]) {
        const report = await assertInvariance({
          name: `${kind} on ${count}${training ? ', training' : ''}`,
          f: ready(model, training),
          input: training ? withNoise(model, weights) : weights,
          elements: whole,
          actIn: training ? actInTraining : actIn,
        });
        expect(report.error).toBeLessThan(1e-5);
      }
    }
  });

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

  test.each(metanetKinds().map(({ kind }) => kind))(
    '%s gives a network the same alone and in any company',
    async (kind) => {
      const model = createMetanet(kind, architecture, CLASSES, smallSettings[kind]!);
      const weights = networksOf(architecture);
      await assertBatchIndependence({ f: ready(model, false), input: weights });
      await assertBatchIndependence({ f: ready(model, true), input: withNoise(model, weights) });
    },
  );

  test('the flat MLP is not invariant, so the check can fail', async () => {
    const model = createMetanet('flat-mlp', architecture, CLASSES, smallSettings['flat-mlp']!);
    const run = assertInvariance({
      f: ready(model, false),
      input: networksOf(architecture),
      elements: [randomElement(group, stream.split('flat'))],
      actIn,
    });
    await expect(run).rejects.toThrow('invariance');
  });

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
