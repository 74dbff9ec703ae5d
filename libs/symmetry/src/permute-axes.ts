import { sizeOf } from '@weightspace/compute';
import type { DType, NdArray } from '@weightspace/compute';

import type { GroupElement } from './element.ts';
import { SymmetryError } from './symmetry-error.ts';

/**
 * Any array in the order that g's permutations give: features of weights, of neurons, of probes.
 *
 *     permuteAxes(g, features, [undefined, 'h2', 'h1', undefined])      // [B, out, in, C]
 *
 * @param labels the space of each axis; undefined for axes that stay
 * @returns a new array; y[…i…] = x[…permutation(i)…]
 * @throws {SymmetryError} when labels and shape disagree
 */
export function permuteAxes<D extends DType>(
  g: GroupElement,
  array: NdArray<D>,
  labels: readonly (string | undefined)[],
): NdArray<D> {
  const { shape } = array;
  if (labels.length !== shape.length) {
    throw new SymmetryError(
      'permuteAxes',
      `labels must have one entry per axis of [${shape.join(', ')}], got ${labels.length}`,
    );
  }
  const size = sizeOf(shape);
  const source = new Int32Array(size);
  let stride = size;
  shape.forEach((length, axis) => {
    stride /= length;
    const label = labels[axis];
    const order = label === undefined ? undefined : g[label]?.permutation;
    if (order && order.length !== length) {
      const message = `axis ${axis} of [${shape.join(', ')}] must have the ${order.length} neurons of space '${label}'`;
      throw new SymmetryError('permuteAxes', message);
    }
    for (let i = 0; i < size; i++) {
      const at = Math.floor(i / stride) % length;
      source[i]! += stride * (order?.[at] ?? at);
    }
  });
  const data = array.data.slice() as typeof array.data;
  for (let i = 0; i < size; i++) data[i] = array.data[source[i]!]!;
  return { dtype: array.dtype, shape, data };
}
