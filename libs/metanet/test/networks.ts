/** @file Networks and helpers that several tests share. */
import { initialize, mlp, siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, mapValues, RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { equivariantLinear, equivariantLinearParameters } from '@weightspace/metanet';
import type { Layout, Metanet, Settings } from '@weightspace/metanet';

/** All sizes differ, so that no transposed axis can hide. */
export const chain = siren({ sizes: [3, 5, 7, 4, 2], outputOffset: 0.5 });
/** The smallest with two hidden layers. */
export const tiny = siren({ sizes: [2, 3, 4, 1] });
/** First and last weight share the only hidden space. */
export const shallow = mlp({ sizes: [3, 4, 2], activation: { kind: 'tanh' } });

export const BATCH = 6;
export const stream = RandomStream.fromSeed(17);

/** Networks as they are before training. Weights of size 1 would make sines of frequency 30 chaotic: rounding would show. */
export const networksOf = (architecture: Architecture, count = BATCH): NdArrays =>
  mapValues(initialize(architecture, stream.split('networks'), { count }), (array, name) => {
    const noise = stream.split(name).normal(array.shape, 0.02, 0.02);
    return { ...noise, data: noise.data.map((x, i) => x + array.data[i]!) };
  });

/** Sizes that no axis of `chain` and no batch has. */
export const CLASSES = 12;
const nfn: Settings = { channels: [11, 13], frequencies: 8, frequencyScale: 0.5, probes: 9, head: [19, 17] };
export const smallSettings: { readonly [kind: string]: Settings } = {
  'nfn-np': nfn,
  'nfn-hnp': nfn,
  'stat-nn': { head: [19, 17] },
  'flat-mlp': { head: [19, 17] },
};

const NOISE = 'noise.';

/** Dropout masks beside the networks that they are for, so that each goes where its network goes. */
export const withNoise = (model: Metanet, weights: NdArrays): NdArrays => ({
  ...weights,
  ...Object.fromEntries(
    Object.entries(model.noise(Object.values(weights)[0]!.shape[0]!, RandomStream.fromSeed(3))).map(([name, mask]) => [
      NOISE + name,
      mask,
    ]),
  ),
});

/** A model with parameters, as a map from weights (in training also `withNoise`) to logits. */
export function ready(model: Metanet, training: boolean) {
  const params = model.initialize(stream.split('params'));
  const fixed = model.measure(networksOf(model.architecture, 20), stream.split('fixed'));
  const f = compile(
    (p: Tensors, x: Tensors, w: Tensors, n: Tensors | undefined) => ({ logits: model.apply(p, x, w, n) }),
    { threads: 1, name: model.kind },
  );
  return async (given: NdArrays): Promise<NdArrays> => {
    const isNoise = (name: string) => name.startsWith(NOISE);
    const weights = Object.fromEntries(Object.entries(given).filter(([name]) => !isNoise(name)));
    const masks = Object.entries(given).filter(([name]) => isNoise(name));
    const noise = Object.fromEntries(masks.map(([name, mask]) => [name.slice(NOISE.length), mask]));
    return (await f(
      params as never,
      fixed as never,
      weights as never,
      (training ? noise : undefined) as never,
    )) as unknown as NdArrays;
  };
}

/** Random features in a layout's shapes. */
export const featuresOf = (layout: Layout, channels: number, batch = 2): NdArrays =>
  Object.fromEntries(
    layout.tensors.map((t) => [
      t.name,
      stream.split(`x.${t.name}`).normal([batch, ...t.axes.map((axis) => t.shape[axis]!), t.folded * channels]),
    ]),
  );

export interface Layer {
  readonly params: NdArrays;
  readonly apply: (x: NdArrays) => Promise<NdArrays>;
}

export function layerOf(layout: Layout, inputs: number, outputs: number): Layer {
  const params = equivariantLinearParameters('layer', layout, inputs, outputs, stream.split('layer'));
  const f = compile((p: Tensors, x: Tensors) => equivariantLinear(p, 'layer', layout, x), { threads: 1 });
  return { params, apply: async (x) => (await f(params as never, x as never)) as unknown as NdArrays };
}

export const valuesOf = (array: NdArray): number[] => Array.from(array.data);
