/** @file StatNN on networks of several architectures: layers by their place, zeros where a network has none. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, mapValues, ndarray, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor } from '@weightspace/compute';

import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { measureColumns, standardize } from '../../layers/standardize.ts';
import { MetanetError } from '../../metanet.ts';
import type { Metanet, MixedMetanet, Networks } from '../../metanet.ts';
import type { StatNnSettings } from './stat-nn.ts';
import { measureStatistics, STATISTICS, weightStatistics } from './weight-statistics.ts';

const KIND = 'stat-nn';

/**
 * One perceptron for all architectures: the statistics of each parameter stand at the place of its layer among the layers
 * with parameters, weight before bias; what an architecture lacks is 0 before columns are standardized.
 *
 * Symmetry: invariant to every permutation of entries.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, the StatNN baseline on the CNN Wild Park; `DynamicStatFeaturizer` of their
 * code. Departs: the variance is divided by n, as in `weightStatistics`; parameters beyond weight and bias have places too.
 */
export function mixStatNn(
  architectures: readonly Architecture[],
  outputs: number,
  settings: StatNnSettings,
): MixedMetanet {
  const places = placesOf(architectures);
  const width = STATISTICS * places.length;
  const initialize = (stream: RandomStream): NdArrays => headParameters(width, outputs, settings, stream);
  const noise = (batch: number, stream: RandomStream) => headNoise(batch, settings, stream.split('head'));
  const parameterCount = countDrawn(initialize);
  const measure = (networks: readonly Networks[]): NdArrays => measureColumns(statisticsOf(networks, places));
  return {
    kind: KIND,
    outputs,
    parameterCount,
    initialize,
    measure,
    on: (architecture): Metanet => {
      const at = columnsFor(architecture, places);
      const names = architecture.parameters.map(({ name }) => name);
      return {
        kind: KIND,
        architecture,
        outputs,
        parameterCount,
        initialize,
        measure: (weights) => measure([{ architecture, weights }]),
        noise,
        apply: (params, fixed, weights, masks) => {
          const own = weightStatistics(weights, names);
          return applyHead(params, standardize(spread(own, at, places.length), fixed), settings, masks);
        },
      };
    },
    pack: (networks) => {
      if (networks.length === 0) throw new MetanetError(KIND, 'pack: networks must be at least one, got 0');
      const stacked = networks.map(({ architecture, weights }) => ({
        architecture,
        weights: mapValues(weights, stack),
      }));
      return { statistics: statisticsOf(stacked, places) };
    },
    noise: (batch, stream) => noise(batch['statistics']!.shape[0]!, stream),
    apply: (params, fixed, batch, masks) =>
      applyHead(params, standardize(batch['statistics']!, fixed), settings, masks),
  };
}

const stack = (array: NdArray): NdArray => ({ ...array, shape: [1, ...array.shape] });

/** `<number of the layer>.<its parameter>` of each parameter; layers are numbered among those that have any. */
function keysOf({ parameters }: Architecture): string[] {
  const layers = [...new Set(parameters.map(({ layer }) => layer))];
  return parameters.map(({ name, layer }) => `${layers.indexOf(layer)}${name.slice(layer.length)}`);
}

/** All places, by layer. */
function placesOf(architectures: readonly Architecture[]): string[] {
  const keys = [...new Set(architectures.flatMap(keysOf))];
  return keys
    .map((key, i) => ({ key, i }))
    .sort((a, b) => parseInt(a.key) - parseInt(b.key) || a.i - b.i)
    .map(({ key }) => key);
}

/** Where the statistics of each parameter stand. @throws {MetanetError} when there is no place for one */
function columnsFor(architecture: Architecture, places: readonly string[]): number[] {
  return keysOf(architecture).map((key, i) => {
    const at = places.indexOf(key);
    if (at >= 0) return at;
    const { name } = architecture.parameters[i]!;
    throw new MetanetError(
      KIND,
      `architectures must be like those that the metanet was made for, got '${architecture.name}' with ${name}, which none of them has`,
    );
  });
}

/** Statistics of parameters at their places, zeros elsewhere. @param own shape `[B, 7 · parameters]` */
function spread(own: Tensor, at: readonly number[], places: number): Tensor {
  const batch = own.shape[0]!;
  const parts = tf.split(own, at.length, 1);
  const zeros = tf.zeros([batch, STATISTICS]);
  return tf.concat(
    Array.from({ length: places }, (_, place) => parts[at.indexOf(place)] ?? zeros),
    1,
  );
}

/** The same outside of a graph, of networks in turn; shape `[all, 7 · places]`. */
function statisticsOf(networks: readonly Networks[], places: readonly string[]): NdArray {
  const width = STATISTICS * places.length;
  const parts = networks.map(({ architecture, weights }) => {
    const at = columnsFor(architecture, places);
    const own = measureStatistics(
      weights,
      architecture.parameters.map(({ name }) => name),
    );
    const count = own.shape[0]!;
    const data = new Float32Array(count * width);
    for (let n = 0; n < count; n++) {
      at.forEach((place, k) => {
        const from = (n * at.length + k) * STATISTICS;
        data.set((own.data as Float32Array).subarray(from, from + STATISTICS), n * width + place * STATISTICS);
      });
    }
    return data;
  });
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return ndarray(all, [all.length / width, width]);
}
