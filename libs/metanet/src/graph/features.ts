/** @file Features of a graph's nodes or edges, whichever way the graph is computed. */
import { mapValues, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { project, projectAndAdd } from '../layers/dense.ts';

/**
 * Tensors whose last axis is channels; those of one record belong together. Other axes may be 1 where all are equal, so
 * that they broadcast: what is the same for all edges of a block is computed once.
 */
export type Features = { readonly [part: string]: Tensor };

/** Part by part: `f(x, y, …)` of the parts of equal name. Records must have the same parts. */
export function combine(f: (...parts: Tensor[]) => Tensor, first: Features, ...others: Features[]): Features {
  return mapValues(first, (part, name) => f(part, ...others.map((other) => other[name]!)));
}

/** Their sum, smallest tensors first, so that what broadcasts is added before it is large. */
export const addFeatures = (...all: Features[]): Features =>
  combine(
    (...parts) => parts.toSorted((a, b) => a.size - b.size).reduce((sum, part) => tf.add(sum, part)),
    ...(all as [Features, ...Features[]]),
  );

/** x · weight, for every part. @param weight_cd shape `[C, D]` */
export const projectFeatures = (x: Features, weight_cd: Tensor): Features =>
  mapValues(x, (part) => project(part, weight_cd));

/**
 * Features before a linear map that isn't applied yet: z · weight + bias. What is projected next is projected from z, by the
 * product of the two maps, so that the features themselves are never computed.
 */
export interface LinearFeatures {
  readonly of: Features;
  /** Shape `[C, D]`; none where they are the features. */
  readonly map?: { readonly weight: Tensor; readonly bias: Tensor };
}

/** The map to `weight_de` and `bias_e` from what comes before the first map. */
function composed({ map }: LinearFeatures, weight_de: Tensor, bias_e: Tensor) {
  if (!map) return { weight: weight_de, bias: bias_e };
  const moved = tf.matMul(tf.expandDims(map.bias, -2), weight_de);
  return { weight: tf.matMul(map.weight, weight_de), bias: tf.add(tf.reshape(moved, bias_e.shape), bias_e) as Tensor };
}

/** x · weight + bias, for every part. */
export function projectLinear(x: LinearFeatures, weight_de: Tensor, bias_e: Tensor): Features {
  const { weight, bias } = composed(x, weight_de, bias_e);
  return mapValues(x.of, (part) => projectAndAdd(part, weight, bias));
}

/** The features, computed. */
export const applyLinear = ({ of, map }: LinearFeatures): Features =>
  map ? mapValues(of, (part) => projectAndAdd(part, map.weight, map.bias)) : of;
