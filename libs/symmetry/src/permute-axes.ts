import type { LabelledNetwork } from '@weightspace/architecture';
import { sizeOf } from '@weightspace/compute';
import type { DType, NdArray } from '@weightspace/compute';

import { rangeMove } from './act.ts';
import type { GroupElement } from './element.ts';
import { labelRanges, layoutOf } from './layout/layout.ts';
import { SymmetryError } from './symmetry-error.ts';

/**
 * Any array in the order that g's permutations give: features of weights, of neurons, of probes.
 *
 *     permuteAxes(g, features, [undefined, 'h2', 'h1', undefined])      // [B, out, in, C]
 *
 * @param labels the space of each axis, or with `network` any of its labels; undefined for axes that stay
 * @param network needed for composites, and for spaces within another one, whose labels may stand on any axes
 * @returns a new array; y[…i…] = x[…permutation(i)…]
 * @throws {SymmetryError} when labels and shape disagree
 */
export function permuteAxes<D extends DType>(
  g: GroupElement,
  array: NdArray<D>,
  labels: readonly (string | undefined)[],
  network?: LabelledNetwork,
): NdArray<D> {
  const { shape } = array;
  if (labels.length !== shape.length) {
    throw new SymmetryError(
      'permuteAxes',
      `labels must have one entry per axis of [${shape.join(', ')}], got ${labels.length}`,
    );
  }
  const data = array.data.slice() as typeof array.data;
  const source = network ? labelledSource(g, shape, labels, network) : plainSource(g, shape, labels);
  for (let i = 0; i < data.length; i++) data[i] = array.data[source[i]!]!;
  return { dtype: array.dtype, shape, data };
}

function plainSource(g: GroupElement, shape: readonly number[], labels: readonly (string | undefined)[]): Int32Array {
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
  return source;
}

/** Of an array whose axes are labelled as a parameter's would be. */
function labelledSource(
  g: GroupElement,
  shape: readonly number[],
  labels: readonly (string | undefined)[],
  network: LabelledNetwork,
): Int32Array {
  const order = permutationsOf(g, network);
  const size = sizeOf(shape);
  const source = new Int32Array(size);
  let stride = size;
  for (const range of labelRanges(network, 'array', shape, labels)) {
    stride /= range.size;
    const { source: own } = rangeMove(range, order, 1, false);
    for (let i = 0; i < size; i++) {
      const at = Math.floor(i / stride) % range.size;
      source[i]! += stride * (own?.[at] ?? at);
    }
  }
  return source;
}

/** g without signs, shifts and scales. */
function permutationsOf(g: GroupElement, network: LabelledNetwork): GroupElement {
  const { leaves } = layoutOf(network);
  const known = Object.entries(g).filter(([name]) => leaves.has(name));
  return Object.fromEntries(known.map(([name, { permutation }]) => [name, { permutation }]));
}
