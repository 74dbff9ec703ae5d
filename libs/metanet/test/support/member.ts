/** @file What every metanet must pass, on every network that it says it takes. */
import type { Architecture } from '@weightspace/architecture';
import {
  adam,
  compile,
  countParameters,
  deadInputs,
  RandomStream,
  scalar,
  tf,
  toTensor,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import {
  createEditor,
  createMetanet,
  createMixedMetanet,
  inputFamilies,
  MetanetError,
  metanetKind,
} from '@weightspace/metanet';
import type { Metanet, Settings, WeightFunction } from '@weightspace/metanet';
import {
  act,
  assertBatchIndependence,
  assertEquivariance,
  assertInvariance,
  permutationGroup,
  testElements,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { BATCH, CLASSES, networksOf, stream, tiny } from '../networks.ts';
import { inputsOf } from './inputs.ts';

export interface MemberOptions {
  /** Small ones, with widths that differ from each other and from every size of the networks. */
  readonly settings: Settings;
  /** More settings to try invariance, independence and coverage with, each over `settings`. */
  readonly variants?: readonly Settings[];
  /** Networks to try the variants on; all unless said otherwise, for kinds whose cost grows faster than networks do. */
  readonly variantsOn?: (architecture: Architecture) => boolean;
  /** Over `settings`, for coverage and learning: wide, so that no ReLU is dead for all networks at once; no dropout. */
  readonly wide?: Settings;
  /** Where masks have an axis of neurons: how they move with them. Masks stay as they are otherwise. */
  readonly actOnNoise?: (architecture: Architecture, g: GroupElement, noise: NdArrays) => NdArrays;
  /** False for kinds that aren't invariant; then the check is that they fail it. */
  readonly invariant?: boolean;
  /** Names of weights that a kind reads by design only through something flat, such as masks; coverage leaves them out. */
  readonly unread?: (architecture: Architecture) => readonly string[];
  /** Largest relative error; 1e-5 unless said otherwise, and then with a reason beside it. */
  readonly tolerance?: number;
  /** Rate of the learning test; 1e-2 unless said otherwise. */
  readonly rate?: number;
}

const NOISE = 'noise.';
const isNoise = (name: string) => name.startsWith(NOISE);
const pick = (arrays: NdArrays, wanted: (name: string) => boolean, cut = 0): NdArrays =>
  Object.fromEntries(Object.entries(arrays).flatMap(([name, x]) => (wanted(name) ? [[name.slice(cut), x]] : [])));
const weightsIn = (x: NdArrays) => pick(x, (name) => !isNoise(name));
const noiseIn = (x: NdArrays) => pick(x, isNoise, NOISE.length);
const asNoise = (noise: NdArrays): NdArrays =>
  Object.fromEntries(Object.entries(noise).map(([name, mask]) => [NOISE + name, mask]));

/** Networks, in training with the masks of a step beside them, so that each mask goes where its network goes. */
const inputOf = (model: WeightFunction<unknown>, training: boolean, count = BATCH): NdArrays => ({
  ...networksOf(model.architecture, count),
  ...(training ? asNoise(model.noise(count, RandomStream.fromSeed(3))) : {}),
});

/** A model with its first parameters, as a map from networks (and masks) to what it gives. */
function mapOf(model: WeightFunction<unknown>, training: boolean): (given: NdArrays) => Promise<NdArrays> {
  const params = model.initialize(stream.split('params'));
  const fixed = model.measure(networksOf(model.architecture, 20), stream.split('fixed'));
  const f = compile(
    (p: Tensors, x: Tensors, w: Tensors, n: Tensors | undefined) => {
      const given = model.apply(p, x, w, n);
      return given instanceof tf.Tensor ? { outputs: given } : (given as Tensors);
    },
    { threads: 1, name: model.kind },
  );
  return async (given) =>
    (await f(
      params as never,
      fixed as never,
      weightsIn(given) as never,
      (training ? noiseIn(given) : undefined) as never,
    )) as unknown as NdArrays;
}

/** Checks of one kind. */
export function describeMember(kind: string, options: MemberOptions): void {
  const found = metanetKind(kind);
  const taken = found.takes.flatMap((family) => inputsOf[family].map((a) => [a.name, a] as const));
  const refused = inputFamilies
    .filter((f) => !found.takes.includes(f))
    .flatMap((f) => inputsOf[f].map((a) => [a.name, a] as const));
  const settings = options.settings;
  const wide = { ...settings, ...options.wide };
  const variants: readonly Settings[] = [{}, ...(options.variants ?? [])];
  const { variantsOn = () => true } = options;
  const cases = taken.flatMap(([name, a]) =>
    (variantsOn(a) ? variants : variants.slice(0, 1)).map((v) => [name, JSON.stringify(v), a, v] as const),
  );
  describe(kind, () => {
    if (refused.length > 0)
      test.each(refused)('refuses %s, and says why', (_, architecture) => {
        expect(() => createMetanet(kind, architecture, CLASSES, settings)).toThrow(MetanetError);
      });
    test.each(cases)('on %s with %s: no order of neurons and no company changes what it gives', (_, __, a, more) =>
      checkSymmetry(createMetanet(kind, a, CLASSES, { ...settings, ...more }), options),
    );
    test.each(taken)('on %s: depends on every parameter and every weight', (_, a) => {
      expect(deadOf(createMetanet(kind, a, 3, wide), options)).toEqual([]);
    });
    test('learns: the loss falls within a few steps', async () => {
      const losses = await lossesOf(
        createMetanet(kind, taken.some(([, a]) => a === tiny) ? tiny : taken[0]![1], 2, wide),
        options.rate,
      );
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(Math.min(...losses.slice(-5))).toBeLessThan(0.6 * losses[0]!);
    });
    test('starts the same from the same seed, and counts its parameters', () => {
      const model = createMetanet(kind, taken[0]![1], 2, settings);
      const [a, b, c] = [1, 1, 2].map((seed) => model.initialize(RandomStream.fromSeed(seed)));
      expect(a).toEqual(b);
      expect(a).not.toEqual(c);
      expect(model.parameterCount).toBe(countParameters(a!));
    });
    test('refuses a setting that it does not have', () => {
      expect(() => createMetanet(kind, taken[0]![1], 2, { wdith: 3 })).toThrow(
        `${kind}: has no setting 'wdith'; it has `,
      );
    });
    if (found.edit) describeEditor(kind, options, taken);
    if (found.mix)
      describeMixed(
        kind,
        settings,
        taken.map(([, a]) => a),
      );
  });
}

async function checkSymmetry(model: Metanet, options: MemberOptions): Promise<void> {
  const { architecture } = model;
  const tolerance = options.tolerance ?? 1e-5;
  for (const training of [false, true]) {
    const f = mapOf(model, training);
    for (const count of model.calibrate && training ? [BATCH] : [1, BATCH]) {
      const certificate = assertInvariance({
        name: `${model.kind} on ${count}${training ? ', training' : ''}`,
        f,
        input: inputOf(model, training, count),
        elements: testElements(permutationGroup(architecture), stream.split('elements')),
        actIn: actionOn(architecture, options),
        tolerance,
      });
      if (options.invariant === false) await expect(certificate).rejects.toThrow('invariance');
      else await certificate;
    }
    // With statistics of the batch, training depends on who else is there; that is what they are for.
    if (training && model.calibrate) continue;
    await assertBatchIndependence({ f, input: inputOf(model, training), tolerance });
  }
}

const actionOn =
  (architecture: Architecture, { actOnNoise = (_a, _g, noise) => noise }: MemberOptions) =>
  (g: GroupElement, x: NdArrays): NdArrays => ({
    ...act(architecture, g, weightsIn(x)),
    ...asNoise(actOnNoise(architecture, g, noiseIn(x))),
  });

/** Parameters and weights that nothing depends on. */
function deadOf(model: WeightFunction<unknown>, { unread = () => [] }: MemberOptions): string[] {
  const weights = networksOf(model.architecture);
  const fixed = Object.fromEntries(
    Object.entries(model.measure(weights, stream.split('fixed'))).map(([name, x]) => [name, toTensor(x)]),
  );
  const inputs = {
    ...model.initialize(stream.split('init')),
    ...Object.fromEntries(Object.entries(weights).map(([name, w]) => [`w.${name}`, w])),
  };
  const skipped = new Set(unread(model.architecture).map((name) => `w.${name}`));
  const f = (given: Tensors) =>
    model.apply(
      given,
      fixed,
      Object.fromEntries(Object.keys(weights).map((name) => [name, given[`w.${name}`]!])),
    ) as tf.Tensor;
  return deadInputs(f, inputs).filter((name) => !skipped.has(name));
}

interface Fitted {
  readonly state: unknown;
  readonly loss: NdArray;
}

/** Cross-entropy of telling 16 networks apart by one of their parameters, over 60 steps of Adam. */
async function lossesOf(model: Metanet, rate = 1e-2): Promise<number[]> {
  const weights = networksOf(model.architecture, 16);
  const last = Object.values(weights).at(-1)!;
  const stride = last.data.length / 16;
  const firsts = Array.from({ length: 16 }, (_, i) => last.data[i * stride]!);
  const median = firsts.toSorted((a, b) => a - b)[8]!;
  const labels = { dtype: 'int32' as const, shape: [16], data: Int32Array.from(firsts, (v) => Number(v >= median)) };
  const optimizer = adam();
  const step = compile(
    (state: { p: Tensors; o: Tensors }, fixed: Tensors, w: Tensors, y: tf.Tensor, by: tf.Tensor) => {
      const target = tf.oneHot(y, 2, 1, 0, 'float32');
      const loss = (p: Tensors) =>
        tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(model.apply(p, fixed, w, model.calibrate && {}))), 1)));
      const { value, grads } = valueAndGrads(loss, state.p);
      const next = optimizer.update(grads, state.o, state.p, by);
      return { state: { p: next.params, o: next.state }, loss: value };
    },
    { threads: 1 },
  );
  const params = model.initialize(RandomStream.fromSeed(1));
  let state: unknown = { p: params, o: optimizer.init(params) };
  const fixed = model.measure(weights, RandomStream.fromSeed(2));
  const losses: number[] = [];
  for (let i = 0; i < 60; i++) {
    const call = step(state as never, fixed as never, weights as never, labels, scalar(rate));
    const result = (await call) as unknown as Fitted;
    state = result.state;
    losses.push(result.loss.data[0]!);
  }
  return losses;
}

function describeEditor(
  kind: string,
  options: MemberOptions,
  taken: readonly (readonly [string, Architecture])[],
): void {
  const tolerance = options.tolerance ?? 1e-5;
  test.each(taken)('edits %s: changes move with the neurons, alone and in a batch', async (_, architecture) => {
    const editor = createEditor(kind, architecture, options.settings);
    for (const training of [false, true]) {
      const f = mapOf(editor, training);
      const input = inputOf(editor, training);
      const changes = await f(input);
      for (const { name, shape } of architecture.parameters)
        expect(changes[name]?.shape, name).toEqual([BATCH, ...shape]);
      for (const count of editor.calibrate && training ? [BATCH] : [1, BATCH]) {
        const certificate = assertEquivariance({
          name: `${kind} editing ${count}${training ? ', training' : ''}`,
          f,
          input: inputOf(editor, training, count),
          elements: testElements(permutationGroup(architecture), stream.split('elements')),
          actIn: actionOn(architecture, options),
          actOut: (g, y) => act(architecture, g, y),
          tolerance,
        });
        if (options.invariant === false) await expect(certificate).rejects.toThrow('equivariance');
        else await certificate;
      }
      if (training && editor.calibrate) continue;
      await assertBatchIndependence({ f, input, tolerance });
    }
  });
  test.each(taken)('edits %s: depends on every parameter and every weight', (_, architecture) => {
    const editor = createEditor(kind, architecture, { ...options.settings, ...options.wide });
    expect(deadOf(editor, options)).toEqual([]);
  });
}

const oneOf = (weights: NdArrays, index: number): NdArrays =>
  Object.fromEntries(
    Object.entries(weights).map(([name, { data, shape }]) => {
      const size = data.length / shape[0]!;
      const own = (data as Float32Array).slice(index * size, (index + 1) * size);
      return [name, { dtype: 'float32' as const, shape: shape.slice(1), data: own }];
    }),
  );

function describeMixed(kind: string, settings: Settings, architectures: readonly Architecture[]): void {
  test('gives each network the same alone, in any company, and on the blocks of its architecture', async () => {
    const model = createMixedMetanet(kind, architectures, CLASSES, settings);
    const params = model.initialize(stream.split('params'));
    const all = architectures.map((architecture) => ({ architecture, weights: networksOf(architecture, 3) }));
    const fixed = model.measure(all, stream.split('fixed'));
    const f = compile((p: Tensors, x: Tensors, b: Tensors) => model.apply(p, x, b), { threads: 1, name: kind });
    const run = async (members: readonly (readonly [number, number])[]): Promise<number[][]> => {
      const networks = members.map(([a, n]) => ({
        architecture: all[a]!.architecture,
        weights: oneOf(all[a]!.weights, n),
      }));
      const y = (await f(params as never, fixed as never, model.pack(networks) as never)) as unknown as NdArray;
      return members.map((_, i) => Array.from(y.data.subarray(i * CLASSES, (i + 1) * CLASSES)));
    };
    const mixture = architectures.flatMap((_, a) => [[a, 0] as const, [a, 2] as const]).toReversed();
    const together = await run(mixture);
    const scale = Math.max(...together.flat().map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    const gap = (a: readonly number[], b: readonly number[]) =>
      Math.max(...a.map((v, i) => Math.abs(v - b[i]!))) / scale;
    for (const [i, member] of mixture.entries()) {
      const [alone] = await run([member]);
      expect(gap(alone!, together[i]!), `alone: ${architectures[member[0]]!.name}`).toBeLessThan(1e-5);
      const own = model.on(architectures[member[0]]!);
      const dense = compile((p: Tensors, x: Tensors, w: Tensors) => own.apply(p, x, w), { threads: 1 });
      const y = (await dense(
        params as never,
        fixed as never,
        networksOf(own.architecture, 3) as never,
      )) as unknown as NdArray;
      const row = Array.from(y.data.subarray(member[1] * CLASSES, (member[1] + 1) * CLASSES));
      expect(gap(row, together[i]!), `on blocks: ${own.architecture.name}`).toBeLessThan(1e-5);
    }
    const distinct = new Set(together.map((row) => row[0]!.toPrecision(5)));
    expect(distinct.size).toBe(together.length);
  });
}
