/** @file Features of a graph's nodes or edges, whichever way the graph is computed. */
import { mapValues, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { project } from '../layers/dense.ts';

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
